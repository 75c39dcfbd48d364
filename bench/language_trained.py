"""What a language model adds to a trained `sequence` backbone on MovieLens-100K, 5% of the films held out of training.

A mix adds the standardised scores of the two; its share of the language model is chosen on validation, for histories of
one to three events and for longer ones apart. Reranking orders the first fifty of `sequence` by such a mix.
"""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np

from language_world import WORK, interval, ranks_of, ratio_interval, standardised
from promptrec.data.examples import Examples
from promptrec.data.sources import fetch
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.significance import paired_difference
from promptrec.language_training import train_language
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


def helps_trained() -> dict[str, Any]:
    sequence, language = recommenders()
    split = sequence.split
    asked = {
        "warm": (split.asked("validation"), split.asked("test")),
        "1 to 3 events": (split.cold_people(split.validation, FEW), split.cold_people(split.test, FEW)),
    }
    rows, chosen = [], {}
    gains: dict[str, dict[str, np.ndarray]] = {}
    for kind, (choosing, test) in asked.items():
        known = scores_of(sequence, language, some(choosing))
        for way in (mixed, reranked):
            tried = {share: ndcg(ranks_of(way(*known, share), some(choosing))).mean() for share in SHARES}
            chosen[kind, way.__name__] = max(tried, key=lambda share: tried[share])
        gains[kind] = measured(
            sequence, language, some(test), {way: chosen[kind, way] for way in ("mixed", "reranked")}
        )
    # A new film is asked for by anybody, so that the history decides which share counts.
    cold = some(split.cold_items())
    few = cold.positions <= max(FEW)
    parts = [
        measured(
            sequence, language, cold.take(np.flatnonzero(own)), {w: chosen[kind, w] for w in ("mixed", "reranked")}
        )
        for kind, own in (("1 to 3 events", few), ("warm", ~few))
        if own.any()
    ]
    gains["cold items"] = {way: np.concatenate([part[way] for part in parts]) for way in parts[0]}
    notes, differences = [], {}
    for kind, own in gains.items():
        for way, values in own.items():
            row = {"part": "helps-trained", "questions": kind, "way": way, "share": chosen.get((kind, way))}
            rows.append({**row, **interval(values)})
        found = differences[kind] = paired_difference(own["mixed"], own["sequence"], 0)
        notes.append(f"{kind} {found['value']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})")
    ratio = ratio_interval(gains["cold items"]["mixed"], gains["cold items"]["sequence"])
    met = differences["cold items"]["low"] > 0 and differences["1 to 3 events"]["low"] > 0
    met = met and differences["warm"]["high"] >= 0
    text = "mix of sequence and language against sequence alone on cold items, times"
    note = f"NDCG@10 of the mix less sequence alone: {'; '.join(notes)}"
    return {"rows": rows, "goals": [goal("helps-trained", text, 1.0, ratio, note, also=met)]}


def recommenders() -> tuple[Recommender, Recommender]:
    """The same films, people and split under both backbones."""
    ours, theirs = Workspace(WORK / "trained/sequence"), Workspace(WORK / "trained/language")
    if not (ours.backbones / "current").exists():
        fetch("movielens-100k", ours)
        shutil.copytree(ours.dataset, theirs.dataset, dirs_exist_ok=True)
        train(ours, seed=0, items_out=ITEMS_OUT)
    if not (theirs.backbones / "current").exists():
        train_language(theirs, MODEL)
    return Recommender.load(ours.root), Recommender.load(theirs.root)


def some(examples: Examples) -> Examples:
    return examples.take(np.sort(generator(0, "bench trained").permutation(len(examples))[:MOST]))


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
