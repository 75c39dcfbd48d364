"""Requests in words, for people kept out of training: one wish and two, refusals, and words that ask for nothing.

Beside them stand no request, a hard filter, and what needs no training: the similarity of the request's and the items'
texts, alone and blended with the frozen score.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from adaptation_wanted import Tally, Wanted, said_with, shifts, words_of_catalogue
from adaptation_world import EVERYTHING, SEED, Asked, backbone, examples_of, general_task, recommender
from promptrec.backbone.wishes import FEWEST_ITEMS, AttributeWord, wordings

PARAPHRASES = json.loads(Path("bench/paraphrases.json").read_text(encoding="utf-8"))
FEWEST_EVENTS = 50  # of test people on items that carry both, else two wishes are not asked
BLENDS = (0.1, 0.3, 1.0, 3.0)
NEGATIONS = {"en": ["no {}", "a film for tonight, but no {}"], "zh": ["不要{}", "推荐一部电影，但不要{}"]}
TWO_GENRES = {
    "en": ["looking for {} and {}", "a film that is both {} and {}", "could you suggest {} with some {} in it"],
    "zh": ["请给我推荐{}和{}", "既是{}又是{}的电影", "给我来点{}，也要有{}"],
}
GENRE_AND_DECADE = {
    "en": [
        "looking for {0} from the {1}s",
        "could you suggest a {1}s {0} for tonight",
        "{0} that was shot in the {1}s",
    ],
    "zh": ["请给我推荐{1}年代的{0}", "给我来点{1}年代的{0}", "{0}，{1}年代拍的"],
}
RANDOM = (
    "the quarterly report is due on Tuesday",
    "seven plus five",
    "please restart the printer",
    "blorp snizzle gratch",
    "asdf qwer zxcv",
    "my keys are on the table",
    "明天上午十点开会",
    "请把发票寄到公司",
    "今天的气温是二十度",
    "电脑需要重新启动",
)


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"requests": requests, "two-genres": two_genres, "genre-and-decade": genre_and_decade}


def requests() -> dict[str, Any]:
    words = words_of_catalogue()
    ways = {"seen wording": seen_forms(), "unseen wording": wordings()["test"]}
    wanted = []
    for word in words:
        said = said_with({**ways, "paraphrase": PARAPHRASES[word.word]}, [word])
        wanted.append(Wanted(f"genre {word.word}", word.carried, said))
    one_wish = followed(wanted)
    return {**one_wish, **_negated(words, one_wish["blend"]), **_harmless(one_wish["blend"])}


def two_genres() -> dict[str, Any]:
    """Films that are of both of two genres, every pair of which there are enough."""
    pair = wordings()["pair"]
    seen = {language: [form.format(pair[language]) for form in forms] for language, forms in seen_forms().items()}
    ways = {"seen wording": seen, "unseen wording": TWO_GENRES}
    return followed(
        enough(
            Wanted(f"{one.word} and {other.word}", one.carried & other.carried, said_with(ways, [one, other]))
            for one, other in combinations(words_of_catalogue(), 2)
        )
    )


def genre_and_decade() -> dict[str, Any]:
    """Films of a genre and a decade, all of which there are enough."""
    decades = recommender().catalogue.decades
    ways = {"seen wording": wordings()["word and decade"], "unseen wording": GENRE_AND_DECADE}
    return followed(
        enough(
            Wanted(f"{word.word} of {decade}", word.carried & (decades == decade), said_with(ways, [word], decade))
            for word in words_of_catalogue()
            for decade in map(int, np.unique(decades[~np.isnan(decades)]))
        )
    )


def seen_forms() -> dict[str, list[str]]:
    return {language: forms[:3] for language, forms in wordings()["train"].items()}


def enough(wanted: Iterable[Wanted]) -> list[Wanted]:
    targets = examples_of(EVERYTHING, 1).test.targets
    return [one for one in wanted if one.carried.sum() >= FEWEST_ITEMS and one.carried[targets].sum() >= FEWEST_EVENTS]


def followed(wanted: Sequence[Wanted]) -> dict[str, Any]:
    """How well lists follow what is said; wordings that were trained on are not asked of the similarity of texts."""
    keys, tally = backbone().encode_items(), Tally()
    content = _contents()
    blend = _blend(wanted, keys, content)
    for one in wanted:
        asked = one.asked()
        tally.without(one, asked, keys)
        tally.ask(one, asked, keys, recommender().requests)
        for way, text in [(way, text) for way, own in one.said.items() if not way.startswith("seen") for text in own]:
            for rival, scores in _by_texts(asked, text, content, blend):
                tally.add(f"{rival}, {way}", asked, scores, one.carried)
    return {"seed": SEED, "wanted": len(wanted), "rows": tally.rows(), "blend": blend}


def _contents() -> torch.Tensor:
    """(items, w) what similarity of texts compares a sentence with."""
    return F.normalize(backbone().space.content(recommender().vectors), dim=-1)


def _alike(sentence: str, content: torch.Tensor) -> torch.Tensor:
    own = backbone().space.content(recommender().requests.text_encoder.encode([sentence]))
    return content @ F.normalize(own, dim=-1)[0]


def _blend(wanted: Sequence[Wanted], keys: torch.Tensor, content: torch.Tensor) -> float:
    """How much the similarity counts beside the frozen score, by validation people and a trained wording."""
    reached = dict.fromkeys(BLENDS, 0.0)
    for one in wanted[::3]:
        asked = one.asked("validation")
        alike, queries = _alike(one.said["seen wording, en"][1], content), asked.plain
        for weight in BLENDS:
            reached[weight] += float(asked.ndcg(asked.without_seen(queries @ keys.T + weight * alike)).mean())
    return max(reached, key=lambda weight: reached[weight])


def _by_texts(asked: Asked, text: str, content: torch.Tensor, blend: float) -> Iterator[tuple[str, torch.Tensor]]:
    """The ways of hearing a text that need no training, each with the scores (n, items) that it leads to."""
    alike, keys = _alike(text, content), backbone().encode_items()
    yield "similarity of texts", asked.without_seen(alike.expand(len(asked), -1).clone())
    yield "blend with the frozen score", asked.without_seen(asked.plain @ keys.T + blend * alike)


def _heard(asked: Asked, texts: Sequence[str], blend: float) -> Iterator[tuple[str, str, torch.Tensor]]:
    """Each text and way of hearing it, the trained one among them, with its scores."""
    keys, content, said = backbone().encode_items(), _contents(), shifts(recommender().requests, texts)
    for text in texts:
        yield text, "request", asked.scores(asked.plain + said[text], keys)
        for way, scores in _by_texts(asked, text, content, blend):
            yield text, way, scores


def _negated(words: Sequence[AttributeWord], blend: float) -> dict[str, Any]:
    """The share of an unwanted genre in the lists, before and, by each way of hearing it, after it is refused."""
    asked = general_task()
    tops = asked.scores(asked.plain, backbone().encode_items()).topk(10, dim=1).indices.numpy()
    before: list[float] = []
    after: dict[str, list[float]] = {}
    for word in words:
        texts = [form.format(word.names.get(one, word.word)) for one, forms in NEGATIONS.items() for form in forms]
        before.append(float(word.carried[tops].mean()))
        for _, way, scores in _heard(asked, texts, blend):
            after.setdefault(way, []).append(float(word.carried[scores.topk(10, dim=1).indices.numpy()].mean()))
    shares = {way: float(np.mean(own)) for way, own in after.items()}
    return {"negation": {"before": float(np.mean(before)), "after": shares}}


def _harmless(blend: float) -> dict[str, Any]:
    """What part of the general task's NDCG@10 each text that asks for nothing costs, by each way of hearing it."""
    asked = general_task()
    without = float(asked.ndcg(asked.scores(asked.plain, backbone().encode_items())).mean())
    lost: dict[str, dict[str, float]] = {}
    for text, way, scores in _heard(asked, RANDOM, blend):
        lost.setdefault(way, {})[text] = 1 - float(asked.ndcg(scores).mean()) / without
    return {"harmless": {"without": without, "lost": lost}}
