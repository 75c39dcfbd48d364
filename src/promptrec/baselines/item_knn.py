"""Item kNN: what goes with the items of the history (Sarwar et al., WWW 2001), optionally the latest above all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from promptrec.backbone.interface import Scores
from promptrec.baselines.matrix import history_matrix, in_chunks, unit_rows
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query

DECAY = 2.0


@dataclass(frozen=True)
class ItemKNN:
    """score(u, i) = sum over j in the history of w_j cos(i, j), with w_j = 1, or exp(-age_j / decay) with a decay.

    cos compares who has the two items; every item of the history counts as a neighbour, so there is no k.
    directions: (n, p) CSR, the items' people with rows of length one. The items x items matrix is never made.
    """

    directions: Sparse
    decay: float | None
    name: str

    @classmethod
    def fit(cls, training: Sparse, decay: float | None = None) -> ItemKNN:
        return cls(unit_rows(training.T.tocsr()), decay, "item-knn" if decay is None else "recency-item-knn")

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32."""
        asked = (self.directions if rows is None else self.directions[rows]).T.tocsr()

        def score(some: Sequence[Query]) -> Scores:
            people = (history_matrix(some, self.directions.shape[0], self.decay) @ self.directions).toarray()
            found: Scores = people @ asked
            return found

        return in_chunks(score, queries)
