"""What prompts add to the scores of all items, computed once a prompt."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Vectors = npt.NDArray[np.float32]
MOST_BYTES = 64 << 20  # 1,600 prompts over 10,000 items
BLOCK = 64  # numbers of a vector that are multiplied together
CLOSE = 1e-5


class Known(NamedTuple):
    """A shift's numbers from `start` on, the sum of their squares, and their products with all items (n,)."""

    start: int
    tail: Vectors
    square: float
    products: Tensor


class ShiftProducts:
    """A query that one prompt moved is (plain + shift) / length. Where plain is zero, behind what was learnt from
    behaviour, it is a multiple of the shift, and so is its product with every item: the same for everybody whom the
    prompt steers, but for that length. The products of the latest shifts are kept. Any thread may ask.
    """

    def __init__(self, items: Tensor, most_bytes: int = MOST_BYTES) -> None:
        """items: (n, d), which are not copied and do not change."""
        self._items = items
        self._most = most_bytes // (4 * max(len(items), 1))
        self._known: OrderedDict[bytes, Known | None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def add(self, scores: Tensor, queries: Vectors, shifts: Sequence[Tensor | None]) -> Vectors:
        """Add to scores (b, n) the products of those numbers of queries (b, d) that are multiples of a shift's; return
        the queries with zeros there, for what is left to be multiplied."""
        left = queries
        for row, shift in enumerate(shifts):
            known = self._of(shift) if shift is not None and self._most else None
            if known is None:
                continue
            asked = queries[row, known.start :]
            times = float(asked @ known.tail) / known.square
            if np.abs(asked - times * known.tail).max() > CLOSE * np.abs(asked).max():
                continue  # something else moved it as well
            left = queries.copy() if left is queries else left
            left[row, known.start :] = 0
            scores[row].add_(known.products, alpha=times)
        return left

    def _of(self, shift: Tensor) -> Known | None:
        """None for a shift that moves the first block, where queries have numbers of their own, or nothing."""
        numbers: Vectors = shift.float().cpu().numpy()
        key = numbers.tobytes()
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        moved = np.flatnonzero(numbers)
        start = int(moved[0]) // BLOCK * BLOCK if len(moved) else 0
        known = None
        if start:
            tail = numbers[start:]
            products = torch.mv(self._items[:, start:], torch.from_numpy(tail))
            known = Known(start, tail, float(tail @ tail), products)
        with self._lock:
            self._known[key] = known
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return known
