"""Scorers and questions small enough to work out by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.examples import Answers, Examples
from promptrec.data.history import Histories
from promptrec.prompt.query import Query

Ask = Callable[..., Examples]


class Fixed:
    """The same scores for everybody, turned around by a request."""

    def __init__(self, scores: Sequence[float] | np.ndarray, name: str = "fixed") -> None:
        self.name = name
        self.scores = np.array(scores, np.float32)
        self.largest = 0

    def score(self, queries: Sequence[Query], rows: np.ndarray | None = None) -> np.ndarray:
        self.largest = max(self.largest, len(queries))
        scores = self.scores if rows is None else self.scores[rows]
        return np.stack([-scores if query.request else scores for query in queries])


@pytest.fixture
def fixed() -> type[Fixed]:
    return Fixed


@pytest.fixture
def ask() -> Ask:
    """Ask for each person's last item, or with `answers` for the last so many."""

    def ask(*people: Sequence[int], answers: Sequence[int] | None = None) -> Examples:
        offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in people])]).astype(np.int64)
        rows = np.array([row for own in people for row in own], np.int64)
        nothing = np.full(len(rows), np.nan)
        histories = Histories(tuple(map(str, range(len(people)))), offsets, rows, nothing, nothing)
        counts = np.ones(len(people), np.int64) if answers is None else np.array(answers, np.int64)
        several = None
        if answers is not None:
            wanted = [row for own, n in zip(people, answers, strict=True) for row in own[-n:]]
            several = Answers(np.array(wanted, np.int64), np.concatenate([[0], np.cumsum(counts)]))
        return Examples(histories, np.arange(len(people)), np.diff(offsets) - counts, several)

    return ask


@pytest.fixture(scope="session")
def world() -> tuple[Dataset, np.ndarray]:
    """120 people whose next item mostly follows from the one before; content vectors that tell the items' kinds."""
    rng = np.random.default_rng(0)
    kinds = ["Comedy", "War", "Romance"]
    names = [f"item {n}" for n in range(60)]
    items = pl.DataFrame({"id": names, "title": names, "genres": [[kinds[n % 3]] for n in range(60)]})
    rows = []
    for person in range(120):
        item, seen = int(rng.integers(60)), []
        while len(seen) < 12:
            if item not in seen:
                seen.append(item)
            item = (item + 3) % 60 if rng.random() < 0.6 else int(60 * rng.random() ** 2)
        rows += [(f"u{person}", f"item {row}", float(t), "view", None, 1.0, None) for t, row in enumerate(seen)]
    events = pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row")
    vectors = rng.normal(size=(60, 16)) + 3 * np.eye(16)[np.arange(60) % 3]
    return Dataset(events, items), vectors.astype(np.float32)
