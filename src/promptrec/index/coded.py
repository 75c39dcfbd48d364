"""Indexes that look through short codes and score again, exactly, what the codes bring."""

from __future__ import annotations

from abc import abstractmethod

import faiss
import numpy as np

from promptrec.index.contract import Found, ItemIndex, Mask, Rows, Vectors, best_of

MOST_OVERFETCHED = 1_000  # excluded items are fetched too and dropped, up to so many; beyond, the codes are masked


class CodedIndex(ItemIndex):
    @abstractmethod
    def candidates(self, k: int) -> int:
        """How many items the codes bring for the best `k`."""

    def _nearest(self, query: Vectors, k: int, out: Rows, allow: Mask | None) -> Found:
        wanted = min(self.candidates(k), len(self.vectors))
        if allow is None and len(out) <= MOST_OVERFETCHED:
            rows = self._by_code(query, min(wanted + len(out), len(self.vectors)), None)
            rows = rows[~np.isin(rows, out)] if len(out) else rows
        else:
            left = np.ones(len(self.vectors), dtype=bool) if allow is None else allow[: len(self.vectors)].copy()
            left[out] = False
            # The stubs of faiss know the C++ constructor only, not the one that takes an array.
            selector = faiss.IDSelectorBitmap(np.packbits(left, bitorder="little"))  # type: ignore[call-arg, arg-type]
            only = faiss.SearchParameters()
            only.sel = selector
            rows = self._by_code(query, wanted, only)
        rows = rows[rows >= 0]
        return best_of(rows, self.vectors[rows] @ query, k)

    @abstractmethod
    def _by_code(self, query: Vectors, count: int, only: faiss.SearchParameters | None) -> Rows:
        """The `count` rows nearest by code, -1 where fewer pass `only`."""
