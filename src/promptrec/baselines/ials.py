"""iALS: factors of people and items by weighted least squares (Hu, Koren, Volinsky, ICDM 2008), through `implicit`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query


@dataclass(frozen=True)
class IALS:
    """score(u, i) = p_u . q_i; p_u is solved for from the history with the items' factors fixed (fold-in).

    model: the fitted model of `implicit`, which asks for one BLAS thread, as it runs threads of its own.
    """

    model: Any
    name: str = "ials"

    @classmethod
    def fit(
        cls, training: Sparse, seed: int, factors: int = 32, regularisation: float = 1.0, alpha: float = 2.0
    ) -> IALS:
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=factors, regularization=regularisation, alpha=alpha, iterations=15, random_state=seed
            )
            model.fit(training, show_progress=False)
        return cls(model)

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        items = self.model.item_factors
        with threadpool_limits(1, "blas"):
            people = self.model.recalculate_user(np.arange(len(queries)), history_matrix(queries, len(items)))
            scores: Scores = people @ (items if rows is None else items[rows]).T
        return scores
