"""EASE: a linear model of items from items in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import Sparse, history_matrix
from promptrec.data.catalogue import Rows
from promptrec.prompt.query import Query

MOST_ITEMS = 20_000


@dataclass(frozen=True)
class Ease:
    """score(u, .) = x_u B, where P = (X'X + lambda I)^-1 and B = I - P / diag(P) per column. weights: B (n, n)."""

    weights: Scores
    name: str = "ease"

    @classmethod
    def fit(cls, training: Sparse, regularisation: float = 200.0) -> Ease:
        gram = (training.T @ training).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += regularisation
        inverse = np.linalg.inv(gram)
        weights = -inverse / np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return cls(weights.astype(np.float32))

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        histories = history_matrix(queries, len(self.weights))
        scores: Scores = histories @ (self.weights if rows is None else self.weights[:, rows])
        return scores
