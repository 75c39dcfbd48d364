"""EASE: a linear model of items from items in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query

MOST_ITEMS = 20_000


@dataclass(frozen=True)
class Ease:
    """score(u, .) = x_u B, where P = (X'X + lambda I)^-1 and B = I - P / diag(P) per column. weights: B (n, n)."""

    weights: Scores
    name: str = "ease"

    @classmethod
    def fit(cls, training: Sparse, regularisation: float = 200.0) -> Ease:
        # One matrix, inverted in place in single precision: 12,000 items take 600 MB.
        matrix = np.asfortranarray((training.T @ training).toarray())
        matrix[np.diag_indices_from(matrix)] += regularisation
        inverse = spotri(spotrf(matrix, lower=True, overwrite_a=True)[0], lower=True, overwrite_c=True)[0].T
        for row in range(len(inverse)):  # LAPACK leaves one triangle
            inverse[row + 1 :, row] = inverse[row, row + 1 :]
        inverse /= -np.diag(inverse).copy()
        np.fill_diagonal(inverse, 0)
        return cls(inverse)

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        histories = history_matrix(queries, len(self.weights))
        scores: Scores = histories @ (self.weights if rows is None else self.weights[:, rows])
        return scores
