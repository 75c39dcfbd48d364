"""Popularity: the same list for everybody, over all time or of late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from promptrec.backbone.interface import Scores
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse, binary, training_events
from promptrec.data.split import Split
from promptrec.prompt.query import Query

RECENT = 0.2


@dataclass(frozen=True)
class Popularity:
    """score(i) = how many training people have i. counts: (n,) float32."""

    counts: Scores
    name: str = "popularity"

    @classmethod
    def fit(cls, training: Sparse) -> Popularity:
        return cls(np.asarray(training.sum(axis=0), dtype=np.float32).ravel())

    @classmethod
    def fit_recent(cls, split: Split, n_items: int, share: float = RECENT) -> Popularity:
        """Count people over the latest `share` of the events that are trained on, by their times."""
        people, events = training_events(split)
        times = split.histories.times[events]
        late = times >= np.nanquantile(times, 1 - share)
        ones = np.ones(int(late.sum()), np.float32)
        shape = (len(split.training), n_items)
        recent = sparse.csr_matrix((ones, (people[late], split.histories.rows[events[late]])), shape)
        return cls(cls.fit(binary(recent)).counts, "recent-popularity")

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        counts = self.counts if rows is None else self.counts[rows]
        return np.tile(counts, (len(queries), 1))
