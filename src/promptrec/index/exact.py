"""Every item is scored: right up to some hundred thousand items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from promptrec.index.contract import Found, ItemIndex, Kind, Mask, Rows, Vectors, best_of
from promptrec.index.shift_products import BLOCK, ShiftProducts

MOST_SCORES = 1 << 22  # at once: 16 MB
GROUPS_PER_ITEM = 8


class ExactIndex(ItemIndex):
    kind: Kind = "exact"

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        # What every query asks for, number by number: so the product goes a third faster than item by item.
        self._first = self._tensor[:, :BLOCK].T.contiguous()
        self._of_shifts = ShiftProducts(self._tensor)

    def search(
        self,
        queries: Vectors,
        k: int,
        exclude: Sequence[Rows] | None = None,
        allow: Mask | None = None,
        shifts: Sequence[torch.Tensor | None] = (),
    ) -> Found:
        if allow is not None:
            return super().search(queries, k, exclude, allow)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        step = max(1, MOST_SCORES // max(len(self), 1))
        for start in range(0, len(queries), step):
            some = slice(start, start + step)
            found = self._scores(queries[some], shifts[some])
            if exclude is not None:
                out = [np.asarray(own, dtype=np.int64) for own in exclude[some]]
                found[np.repeat(np.arange(len(out)), [len(own) for own in out]), np.concatenate(out)] = -np.inf
            _fill(rows[some], scores[some], found)
        return rows, scores

    def _scores(self, queries: Vectors, shifts: Sequence[torch.Tensor | None]) -> Vectors:
        """(b, n) all products, a block of numbers at a time.

        A query without a prompt has zeros where prompts point at content, and most prompts point at a part of it: the
        greater part of the work is left out, and what prompts ask for again and again is looked up.
        """
        scores = torch.from_numpy(queries)[:, :BLOCK] @ self._first
        asked = self._of_shifts.add(scores, queries, shifts)
        prompted = np.flatnonzero(asked[:, BLOCK:].any(axis=1))
        for start in range(BLOCK, queries.shape[1], BLOCK) if len(prompted) else ():
            block = slice(start, start + BLOCK)
            speaking = prompted[asked[prompted, block].any(axis=1)]
            if len(speaking):
                own = torch.from_numpy(asked[speaking, block]) @ self._tensor[:, block].T
                scores.index_add_(0, torch.from_numpy(speaking), own)
        if len(self.added):
            everything = scores.new_full((len(queries), len(self)), -torch.inf)
            everything[:, : scores.shape[1]] = scores
            everything[:, torch.from_numpy(self.added)] = torch.from_numpy(queries @ self.added_vectors.T)
            scores = everything
        products: Vectors = scores.numpy()
        return products

    def _nearest(self, query: Vectors, k: int, out: Rows, allow: Mask | None) -> Found:
        scores = torch.mv(self._tensor, torch.from_numpy(query)).numpy()
        scores[out] = -np.inf
        if allow is not None:
            scores[~allow[: len(scores)]] = -np.inf
        rows, best = best_of(np.arange(len(scores)), scores, k)
        there = best > -np.inf
        return rows[there], best[there]


def _fill(rows: Rows, best: Vectors, scores: Vectors) -> None:
    """Write the best of `scores` (b, n) into rows and best (b, k), the smaller row first where scores are equal.

    The k-th highest of the maxima of groups of items is a bound that at least k items reach and few others.
    """
    (count, items), k = scores.shape, min(rows.shape[1], scores.shape[1])
    size = max(1, items // (GROUPS_PER_ITEM * k))
    highest = torch.from_numpy(scores).unfold(1, size, size).amax(dim=2)
    least = np.maximum(highest.topk(k).values[:, -1:].numpy(), np.finfo(np.float32).min)  # -inf is no item
    whose, found = np.divmod(np.flatnonzero(scores >= least), items)
    reached = scores[whose, found]
    order = np.lexsort((found, -reached, whose))
    place = np.arange(len(whose)) - np.searchsorted(whose, np.arange(count))[whose]
    kept = place < k
    rows[whose[kept], place[kept]] = found[order[kept]]
    best[whose[kept], place[kept]] = reached[order[kept]]
