"""Whether answers are among the first k, in whatever order (Herlocker et al., TOIS 2004)."""

from __future__ import annotations

import numpy as np

from promptrec.evaluate.metrics.segments import Floats, Ints, best, counts, sums


def hit_rate(ranks: Ints, k: int = 10, offsets: Ints | None = None) -> Floats:
    """HR@k = 1 where at least one answer is among the first k."""
    return (best(ranks, offsets) < k).astype(np.float64)


def recall(ranks: Ints, k: int = 10, offsets: Ints | None = None) -> Floats:
    """Recall@k = answers among the first k / answers. With one answer it is HR@k."""
    return sums((ranks < k).astype(np.float64), offsets) / counts(ranks, offsets)


def precision(ranks: Ints, k: int = 10, offsets: Ints | None = None) -> Floats:
    """Precision@k = answers among the first k / k."""
    return sums((ranks < k).astype(np.float64), offsets) / k
