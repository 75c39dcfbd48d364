"""Requests in words, for people kept out of training: against no request, a hard filter and similarity of texts.

Asked is for the next film of a genre; all films are ranked. A hard filter ranks the films of the genre alone, in the
frozen model's order: it knows the genre's name and cannot be beaten by much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from adaptation_world import SEED, Asked, backbone, drawn, examples_of, recommender, workspace
from adaptation_world import Scenario as Task
from promptrec.backbone.request import RequestEncoder, choose_strength, fit_request_encoder
from promptrec.backbone.wishes import (
    AttributeWord,
    attribute_words,
    nothing_asked,
    training_wishes,
    word_wishes,
    wordings,
)
from promptrec.content.cache import encode_cached
from promptrec.evaluate.significance import bootstrap_interval
from promptrec.training import training_examples
from promptrec.tune.sentences import prompts_of

PARAPHRASES = json.loads(Path("bench/paraphrases.json").read_text(encoding="utf-8"))
A_GENRE = 200  # questions for each genre
GENERAL = 1_500
FOLDS = 3
BLENDS = (0.1, 0.3, 1.0, 3.0)
NEGATIONS = {"en": ["no {}", "a film for tonight, but no {}"], "zh": ["不要{}", "推荐一部电影，但不要{}"]}
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
    return {"requests": requests, "unseen-words": unseen_words}


def genres() -> list[AttributeWord]:
    own = recommender()
    return attribute_words(own.catalogue, own.dataset.manifest.get("labels", {}))


def asked_of(word: AttributeWord, of: str = "test") -> Asked:
    task = examples_of(Task("value > 0", ""), 1)
    examples = task.test if of == "test" else task.validation
    inside = examples.take(np.flatnonzero(word.carried[examples.targets]))
    return Asked(drawn(inside, A_GENRE, f"genre {word.word}"), np.arange(len(recommender().catalogue)))


def shifts(encoder: RequestEncoder, texts: Sequence[str]) -> dict[str, torch.Tensor]:
    return {text: prompt.tensors["shift"] for text, prompt in zip(texts, prompts_of(encoder, texts), strict=True)}


class Tally:
    """NDCG@10 and precision@10 of a way to ask, genre by genre."""

    def __init__(self) -> None:
        self.ndcg: dict[str, list[np.ndarray]] = {}
        self.precision: dict[str, list[float]] = {}

    def add(self, way: str, asked: Asked, scores: torch.Tensor, carried: torch.Tensor) -> None:
        self.ndcg.setdefault(way, []).append(asked.ndcg(scores))
        top = scores.topk(10, dim=1).indices
        self.precision.setdefault(way, []).append(float(carried[top].float().mean()))

    def add_without(self, asked: Asked, keys: torch.Tensor, carried: torch.Tensor) -> None:
        """What needs no reading of words: no request, and a filter by what the items carry."""
        frozen = asked.scores(asked.plain, keys)
        self.add("no request", asked, frozen, carried)
        self.add("hard filter", asked, frozen.masked_fill(~carried, -torch.inf), carried)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Means over genres, of which each counts as one."""
        found = {}
        for way, parts in self.ndcg.items():
            means = np.array([part.mean() for part in parts])
            found[way] = {
                "ndcg@10": bootstrap_interval(means, SEED),
                "precision@10": float(np.mean(self.precision[way])),
            }
        return found


def requests() -> dict[str, Any]:
    own, words, written = recommender(), genres(), wordings()
    keys, encoder = backbone().encode_items(), own.requests
    content = F.normalize(backbone().space.content(own.vectors), dim=-1)
    tally = Tally()
    blend = _blend(words, keys, content)
    for word in words:
        asked, carried = asked_of(word), torch.from_numpy(word.carried)
        queries = asked.plain
        tally.add_without(asked, keys, carried)
        for language in ("en", "zh"):
            name = word.names.get(language, word.word)
            groups = {
                f"seen wording, {language}": [form.format(name) for form in written["train"][language][:3]],
                f"unseen wording, {language}": [form.format(name) for form in written["test"][language]],
                f"paraphrase, {language}": PARAPHRASES[word.word][language],
            }
            said = shifts(encoder, [sentence for sentences in groups.values() for sentence in sentences])
            for way, sentences in groups.items():
                for sentence in sentences:
                    tally.add(way, asked, asked.scores(queries + said[sentence], keys), carried)
                    if not way.startswith("seen"):
                        alike = _alike(sentence, content)
                        tally.add(f"similarity of texts, {way}", asked, _only(asked, alike), carried)
                        mixed = asked.without_seen(queries @ keys.T + blend * alike)
                        tally.add(f"blend with the frozen score, {way}", asked, mixed, carried)
    return {"seed": SEED, "rows": tally.rows(), "blend": blend, **_negated(words, keys), **_harmless(keys)}


def _alike(sentence: str, content: torch.Tensor) -> torch.Tensor:
    own = backbone().space.content(recommender().requests.text_encoder.encode([sentence]))
    return content @ F.normalize(own, dim=-1)[0]


def _only(asked: Asked, alike: torch.Tensor) -> torch.Tensor:
    return asked.without_seen(alike.expand(len(asked), -1).clone())


def _blend(words: Sequence[AttributeWord], keys: torch.Tensor, content: torch.Tensor) -> float:
    """How much the similarity counts beside the frozen score, by validation people and trained wordings."""
    reached = dict.fromkeys(BLENDS, 0.0)
    for word in words[::3]:
        asked = asked_of(word, "validation")
        alike, queries = _alike(wordings()["train"]["en"][1].format(word.names["en"]), content), asked.plain
        for weight in BLENDS:
            reached[weight] += float(asked.ndcg(asked.without_seen(queries @ keys.T + weight * alike)).mean())
    return max(reached, key=lambda weight: reached[weight])


def _general() -> tuple[Asked, torch.Tensor]:
    task = examples_of(Task("value > 0", ""), 1)
    asked = Asked(drawn(task.test, GENERAL, "general"), np.arange(len(recommender().catalogue)))
    return asked, asked.plain


def _negated(words: Sequence[AttributeWord], keys: torch.Tensor) -> dict[str, Any]:
    """The share of an unwanted genre in the lists of those who have some of it, before and after it is refused."""
    asked, queries = _general()
    tops = asked.scores(queries, keys).topk(10, dim=1).indices
    before, after = [], []
    for word in words:
        carried = torch.from_numpy(word.carried).float()
        texts = [form.format(word.names.get(one, word.word)) for one, forms in NEGATIONS.items() for form in forms]
        for said in shifts(recommender().requests, texts).values():
            moved = queries + said
            before.append(float(carried[tops].mean()))
            after.append(float(carried[asked.scores(moved, keys).topk(10, dim=1).indices].mean()))
    return {"negation": {"before": float(np.mean(before)), "after": float(np.mean(after))}}


def _harmless(keys: torch.Tensor) -> dict[str, Any]:
    asked, queries = _general()
    without = asked.ndcg(asked.scores(queries, keys)).mean()
    said = shifts(recommender().requests, RANDOM)
    moved = {text: asked.scores(queries + said[text], keys) for text in RANDOM}
    lost = {text: float(1 - asked.ndcg(scores).mean() / without) for text, scores in moved.items()}
    return {"harmless": {"without": float(without), "lost": lost, "mean": float(np.mean(list(lost.values())))}}


def unseen_words() -> dict[str, Any]:
    """Every genre once in a fold of genres that no wish of the training names."""
    own, words = recommender(), genres()
    encoder, file = own.requests.text_encoder, workspace().dataset / "requests.safetensors"
    labels = own.dataset.manifest.get("labels", {})
    every = training_wishes(own.catalogue, labels, SEED)
    examples, keys, tally = training_examples(own.split), backbone().encode_items(), Tally()
    nothing = encode_cached(nothing_asked(), encoder, file)
    for fold in range(FOLDS):
        hidden, known = words[fold::FOLDS], [word for i, word in enumerate(words) if i % FOLDS != fold]
        names = [name.lower() for word in hidden for name in word.names.values()]
        wishes = [wish for wish in every if not any(name in wish.text.lower() for name in names)]
        sentences = encode_cached([wish.text for wish in wishes], encoder, file)
        made = fit_request_encoder(backbone(), encoder, wishes, sentences, nothing, examples, SEED)
        checked = word_wishes(known, "validation")
        sentences = encode_cached([wish.text for wish in checked], encoder, file)
        made = choose_strength(made, checked, sentences, own.split.asked("validation").apart())
        for word in hidden:
            asked, carried = asked_of(word), torch.from_numpy(word.carried)
            queries = asked.plain
            tally.add_without(asked, keys, carried)
            for language in ("en", "zh"):
                name = word.names.get(language, word.word)
                texts = {
                    f"unseen word, {language}": [form.format(name) for form in wordings()["test"][language]],
                    f"paraphrase of an unseen word, {language}": PARAPHRASES[word.word][language],
                }
                said = shifts(made, [text for group in texts.values() for text in group])
                for way, group in texts.items():
                    for text in group:
                        tally.add(way, asked, asked.scores(queries + said[text], keys), carried)
    return {"seed": SEED, "folds": FOLDS, "rows": tally.rows()}
