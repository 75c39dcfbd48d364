"""Popularity: the same list for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import Sparse
from promptrec.data.catalogue import Rows
from promptrec.prompt.query import Query


@dataclass(frozen=True)
class Popularity:
    """score(i) = how many training people have i. counts: (n,) float32."""

    counts: Scores
    name: str = "popularity"

    @classmethod
    def fit(cls, training: Sparse) -> Popularity:
        return cls(np.asarray(training.sum(axis=0), dtype=np.float32).ravel())

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        counts = self.counts if rows is None else self.counts[rows]
        return np.tile(counts, (len(queries), 1))
