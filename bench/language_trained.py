"""What a language model adds to a trained `sequence` backbone on MovieLens-100K, 5% of the films held out of training.

A mix adds the standardised scores of the two; its share of the language model is chosen on validation, for histories of
one to three events and for longer ones apart. Reranking orders the first fifty of `sequence` by such a mix.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from language_world import SEEDS, WORK, interval, ranks_of, ratio_interval, standardised
from promptrec.data.examples import Examples
from promptrec.data.sources import fetch
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.significance import paired_difference
from promptrec.language_training import train_language
from promptrec.models.registry import fetch as fetch_model
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.training import train
from promptrec.workspace import Workspace
from result import goal

MODEL = "minilm"
ITEMS_OUT = 0.05
FEW = (1, 2, 3)
RERANKED = 50
MOST = 2_000  # questions of a kind
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)


@dataclass(frozen=True)
class Measured:
    """people: (n,) who each question is of; gains: (n,) NDCG@10 of each question by way; share: of each way, none
    where the history decides or it is of several seeds."""

    people: np.ndarray
    gains: dict[str, np.ndarray]
    share: dict[str, float]

    @classmethod
    def joined(cls, parts: Sequence[Measured]) -> Measured:
        gains = {way: np.concatenate([part.gains[way] for part in parts]) for way in parts[0].gains}
        return cls(np.concatenate([part.people for part in parts]), gains, {})


def helps_trained() -> dict[str, Any]:
    each = [of_seed(seed) for seed in SEEDS]
    rows, leads = [], {}
    for kind in each[0]:
        found = [own[kind] for own in each]
        together = Measured.joined(found)
        for way, values in together.gains.items():
            row = {"part": "helps-trained", "questions": kind, "way": way, "asked": len(values)}
            row |= {"share": [own.share.get(way) for own in found], **interval(values, together.people)}
            rows.append({**row, "each": [float(own.gains[way].mean()) for own in found]})
        leads[kind] = paired_difference(together.gains["mixed"], together.gains["sequence"], 0, people=together.people)
    cold = Measured.joined([own["cold items"] for own in each])
    ratio = ratio_interval(cold.gains["mixed"], cold.gains["sequence"], cold.people)
    text = "mix of sequence and language against sequence alone on cold items, times"
    return {
        "rows": rows,
        "goals": [helped("helps-trained", text, f"{len(SEEDS)} seeds; NDCG@10 of the mix", leads, ratio)],
    }


def helped(
    name: str, text: str, what: str, leads: Mapping[str, Mapping[str, float]], ratio: Mapping[str, float]
) -> dict[str, Any]:
    """The goal: ahead on cold items and with one to three events, no loss on warm people. what: of which the leads over
    `sequence` alone are."""
    met = leads["cold items"]["low"] > 0 and leads["1 to 3 events"]["low"] > 0 and leads["warm"]["high"] >= 0
    notes = (f"{kind} {own['value']:+.4f} ({own['low']:+.4f} to {own['high']:+.4f})" for kind, own in leads.items())
    return goal(name, text, 1.0, ratio, f"{what} less sequence alone: {'; '.join(notes)}", also=met)


def of_seed(seed: int) -> dict[str, Measured]:
    """What was measured by kind of question."""
    sequence, language = recommenders(seed)
    split = sequence.split
    asked = {
        "warm": (split.asked("validation"), split.asked("test")),
        "1 to 3 events": (split.cold_people(split.validation, FEW), split.cold_people(split.test, FEW)),
    }
    found = {}
    for kind, (choosing, test) in asked.items():
        choosing, test = some(choosing, seed), some(test, seed)
        known = scores_of(sequence, language, choosing)
        shares = {way.__name__: best_share(way, known, choosing) for way in (mixed, reranked)}
        found[kind] = Measured(test.people, measured(sequence, language, test, shares), shares)
    # A new film is asked for by anybody, so that the history decides which share counts.
    cold = some(split.cold_items(), seed)
    few = cold.positions <= max(FEW)
    parts = [
        Measured(own.people, measured(sequence, language, own, found[kind].share), {})
        for kind, own in (("1 to 3 events", cold.take(np.flatnonzero(few))), ("warm", cold.take(np.flatnonzero(~few))))
        if len(own)
    ]
    return {**found, "cold items": Measured.joined(parts)}


def best_share(way: Callable[..., np.ndarray], known: tuple[np.ndarray, np.ndarray], examples: Examples) -> float:
    tried = {share: ndcg(ranks_of(way(*known, share), examples)).mean() for share in SHARES}
    return max(tried, key=lambda share: tried[share])


def recommenders(seed: int) -> tuple[Recommender, Recommender]:
    """The same films, people and split under both backbones."""
    ours, theirs = (Workspace(WORK / f"trained/{kind}-{seed}") for kind in ("sequence", "language"))
    if not (ours.backbones / "current").exists():
        fetch("movielens-100k", ours)
        shutil.copytree(ours.dataset, theirs.dataset, dirs_exist_ok=True)
        train(ours, seed=seed, items_out=ITEMS_OUT)
    if not (theirs.backbones / "current").exists():
        fetch_model(MODEL)
        train_language(theirs, MODEL, seed=seed)
    return Recommender.load(ours.root), Recommender.load(theirs.root)


def some(examples: Examples, seed: int) -> Examples:
    return examples.take(np.sort(generator(seed, "bench trained").permutation(len(examples))[:MOST]))


def scores_of(sequence: Recommender, language: Recommender, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """Both (n, items), standardised row by row."""
    queries = [Query(history) for history in examples]
    found = []
    for backbone in (sequence.backbone, language.backbone):
        own = np.concatenate([backbone.score(queries[i : i + 128]) for i in range(0, len(queries), 128)])
        found.append(standardised(own))
    return found[0], found[1]


def mixed(ours: np.ndarray, theirs: np.ndarray, share: float) -> np.ndarray:
    return (1 - share) * ours + share * theirs


def reranked(ours: np.ndarray, theirs: np.ndarray, share: float) -> np.ndarray:
    last = np.partition(ours, -RERANKED, axis=1)[:, -RERANKED, None]
    return np.where(ours >= last, 1_000 + mixed(ours, theirs, share), ours)


def measured(
    sequence: Recommender, language: Recommender, examples: Examples, shares: dict[str, float]
) -> dict[str, np.ndarray]:
    """NDCG@10 of each question by way."""
    known = scores_of(sequence, language, examples)
    ways = {"sequence": known[0], "language": known[1], "mixed": mixed(*known, shares["mixed"])}
    ways["reranked"] = reranked(*known, shares["reranked"])
    return {way: ndcg(ranks_of(scores, examples)) for way, scores in ways.items()}
