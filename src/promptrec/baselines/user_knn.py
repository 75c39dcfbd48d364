"""User kNN: what similar people have (Herlocker et al., SIGIR 1999, with cosine over sets of items)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix, in_chunks, unit_rows
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query


@dataclass(frozen=True)
class UserKNN:
    """score(u, i) = sum of cos(u, v) over the k training people v most similar to u who have i.

    training: (p, n) CSR of ones; directions: the same with rows of length one.
    """

    training: Sparse
    directions: Sparse
    k: int
    name: str = "user-knn"

    @classmethod
    def fit(cls, training: Sparse, k: int = 20) -> UserKNN:
        return cls(training, unit_rows(training), k)

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32; a query's person need not be among the training people."""
        asked = self.training if rows is None else self.training[:, rows]

        def score(some: Sequence[Query]) -> Scores:
            similar = (unit_rows(history_matrix(some, self.training.shape[1])) @ self.directions.T).toarray()
            if self.k < similar.shape[1]:
                far = np.argpartition(-similar, self.k, axis=1)[:, self.k :]
                np.put_along_axis(similar, far, 0, axis=1)
            found: Scores = similar @ asked  # a dense by a sparse matrix: the product of two sparse ones is far slower
            return found

        return in_chunks(score, queries)
