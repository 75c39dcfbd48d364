"""BPR: factors that put what a person has above what they do not have (Rendle et al., UAI 2009), by `implicit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from threadpoolctl import threadpool_limits

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query

RIDGE = 1.0


@dataclass(frozen=True)
class BPR:
    """score(u, i) = p_u . q_i + b_i; items: (n, f + 1), the factors q with the bias b as the last.

    The published model knows only the people that it was trained on. Here p_u = fold' (mean of the history's factors),
    where fold (f + 1, f + 1) is the ridge regression of the training people's factors on theirs.
    """

    items: Scores
    fold: Scores
    name: str = "bpr"

    @classmethod
    def fit(
        cls,
        training: Sparse,
        seed: int,
        factors: int = 64,
        learning_rate: float = 0.01,
        regularisation: float = 0.001,
        epochs: int = 100,
    ) -> BPR:
        model = BayesianPersonalizedRanking(
            factors=factors,
            learning_rate=learning_rate,
            regularization=regularisation,
            iterations=epochs,
            num_threads=1,  # several threads race, and a run would not repeat
            random_state=seed,
        )
        with threadpool_limits(1, "blas"):
            model.fit(training, show_progress=False)
        items, people = np.asarray(model.item_factors), np.asarray(model.user_factors)
        means = _means(training, items)
        gram = means.T @ means + RIDGE * np.eye(items.shape[1], dtype=np.float32)
        return cls(items, np.linalg.solve(gram, means.T @ people).astype(np.float32))

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        people = _means(history_matrix(queries, len(self.items)), self.items) @ self.fold
        people[:, -1] = 1  # the bias of an item counts alike for everybody
        return np.asarray(people @ (self.items if rows is None else self.items[rows]).T, dtype=np.float32)


def _means(histories: Sparse, items: Scores) -> Scores:
    lengths = np.maximum(np.asarray(histories.sum(axis=1), dtype=np.float32), 1)
    means: Scores = (histories @ items / lengths).astype(np.float32)
    return means
