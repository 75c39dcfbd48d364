"""What every item index is: one contract of answers, whatever the codes behind it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
import torch

Kind = Literal["exact", "int8", "binary"]
Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Found = tuple[Rows, Vectors]

NONE: Rows = np.empty(0, dtype=np.int64)
FEW_ALLOWED = 10_000  # up to so many allowed items are scored one by one rather than looked for among all


class ItemIndex(ABC):
    """The items' vectors (n, d), of which the best by dot product are found.

    Immutable, so that any number of threads may search while items come: `add` gives another index that shares the
    codes. What was added since the codes were made is scored one by one.
    """

    kind: Kind

    def __init__(self, vectors: Vectors) -> None:
        """vectors (n, d) are kept, not copied."""
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._tensor = torch.from_numpy(self.vectors)
        self.added = NONE
        self.added_vectors: Vectors = np.empty((0, self.vectors.shape[1]), dtype=np.float32)
        self._items = len(self.vectors)

    def __len__(self) -> int:
        """How many items there are, those added among them."""
        return self._items

    def add(self, rows: Rows, vectors: Vectors) -> Self:
        """The index with `vectors` (m, d) at `rows` as well, instead of what was at those rows; rows beyond the last
        one become new items. This index stays as it is, and no code is made anew.
        """
        rows, last = np.unique(np.asarray(rows, dtype=np.int64)[::-1], return_index=True)
        vectors = np.asarray(vectors, dtype=np.float32)[::-1][last]
        kept = ~np.isin(self.added, rows)
        more = copy.copy(self)
        more.added = np.concatenate([self.added[kept], rows])
        more.added_vectors = np.concatenate([self.added_vectors[kept], vectors])
        more._items = max(self._items, int(rows.max(initial=-1)) + 1)
        return more

    def search(
        self,
        queries: Vectors,
        k: int,
        exclude: Sequence[Rows] | None = None,
        allow: Mask | None = None,
        shifts: Sequence[torch.Tensor | None] = (),
    ) -> Found:
        """The best items for queries (b, d): rows (b, k) and their exact scores (b, k), best first, the smaller row
        first where scores are equal; rows -1 and scores -inf where fewer are left.

        exclude: for each query the rows that it must not get. allow: (n,) which items may be given at all. shifts: for
        each query what one prompt added to it (d,) before it was brought to length one, or None; answers do not depend
        on it, but an index may remember what many queries share.
        """
        del shifts
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        allowed = None if allow is None else np.flatnonzero(allow[: len(self.vectors)])
        for i, query in enumerate(np.asarray(queries, dtype=np.float32)):
            excluded = np.asarray(exclude[i], dtype=np.int64) if exclude is not None else NONE
            best, found = self._among(query, k, excluded, allow, allowed)
            order = np.lexsort((best, -found))[:k]
            rows[i, : len(order)], scores[i, : len(order)] = best[order], found[order]
        return rows, scores

    def _among(self, query: Vectors, k: int, excluded: Rows, allow: Mask | None, allowed: Rows | None) -> Found:
        out = np.concatenate([excluded[excluded < len(self.vectors)], self.added[self.added < len(self.vectors)]])
        if allowed is not None and len(allowed) <= FEW_ALLOWED:
            rows = np.setdiff1d(allowed, out)
            best, scores = rows, self.vectors[rows] @ query
        else:
            best, scores = self._nearest(query, k, np.unique(out), allow)
        if len(self.added):
            kept = ~np.isin(self.added, excluded)
            if allow is not None:
                kept &= allow[self.added]
            best = np.concatenate([best, self.added[kept]])
            scores = np.concatenate([scores, self.added_vectors[kept] @ query])
        return best, scores

    @abstractmethod
    def _nearest(self, query: Vectors, k: int, out: Rows, allow: Mask | None) -> Found:
        """At least the best `k` items (all, where there are fewer) but those in `out` and those not allowed, with exact
        scores, in any order."""


def best_of(rows: Rows, scores: Vectors, k: int) -> Found:
    """The `k` highest scores and their rows, in any order; of equal scores at the end, those of smaller rows."""
    if len(rows) <= k:
        return rows, scores
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores > least)
    tied = np.flatnonzero(scores == least)
    tied = tied[np.argsort(rows[tied], kind="stable")][: k - len(above)]
    chosen = np.concatenate([above, tied])
    return rows[chosen], scores[chosen]
