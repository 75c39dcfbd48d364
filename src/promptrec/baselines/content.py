"""Content similarity: items whose words are like those of the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix
from promptrec.data.catalogue import Rows
from promptrec.prompt.query import Query


@dataclass(frozen=True)
class ContentSimilarity:
    """score(u, i) = mean over j in the history of cos(c_i, c_j). directions: (n, d) content vectors of length one."""

    directions: Scores
    name: str = "content"

    @classmethod
    def fit(cls, vectors: Scores) -> ContentSimilarity:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls((vectors / np.maximum(lengths, 1e-12)).astype(np.float32))

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        histories = history_matrix(queries, len(self.directions))
        means = histories @ self.directions / np.maximum(histories.sum(axis=1), 1)
        scores: Scores = np.asarray(means @ (self.directions if rows is None else self.directions[rows]).T, np.float32)
        return scores
