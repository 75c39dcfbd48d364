"""How high the answers are ranked. Ranks are int64, 0 for the first place; every function gives (n,) float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ranks = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def target_ranks(scores: npt.NDArray[np.float32], columns: Ranks) -> Ranks:
    """(b,) the rank of the score at each row's column in `scores` (b, n): how many others are not lower.

    Ties are pessimistic: an item that scores the same stands before the target.
    """
    targets = np.take_along_axis(scores, columns[:, None], axis=1)
    ranks: Ranks = (~(scores < targets)).sum(axis=1).astype(np.int64) - 1
    return ranks


def hit_rate(ranks: Ranks, k: int = 10) -> Floats:
    """HR@k = 1 where the answer is among the first k."""
    return (ranks < k).astype(np.float64)


def ndcg(ranks: Ranks, k: int = 10) -> Floats:
    """NDCG@k with one relevant item = 1 / log2(rank + 2), 0 beyond k (Järvelin, Kekäläinen, TOIS 2002)."""
    return np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0)


def reciprocal_rank(ranks: Ranks) -> Floats:
    """1 / place; its mean is the MRR."""
    return 1 / (ranks + 1.0)
