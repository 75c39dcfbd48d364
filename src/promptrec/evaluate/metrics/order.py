"""How high answers stand."""

from __future__ import annotations

import numpy as np

from promptrec.evaluate.metrics.segments import Floats, Ints, best, counts, sums


def ndcg(ranks: Ints, k: int = 10, offsets: Ints | None = None) -> Floats:
    """NDCG@k = sum over the answers with rank < k of 1 / log2(rank + 2), over the same sum for the best order.

    Järvelin, Kekäläinen, TOIS 2002, with gains of 0 and 1. The best order has its min(answers, k) answers in front, so
    with one answer NDCG@k = 1 / log2(rank + 2).
    """
    gains = np.where(ranks < k, 1 / np.log2(ranks + 2.0), 0.0)
    ideal = np.cumsum(1 / np.log2(np.arange(k) + 2.0))
    found: Floats = sums(gains, offsets) / ideal[np.minimum(counts(ranks, offsets), k) - 1]
    return found


def reciprocal_rank(ranks: Ints, offsets: Ints | None = None) -> Floats:
    """1 / the place in the whole catalogue of the answer that stands highest; the mean is MRR (Voorhees, TREC-8)."""
    return 1 / (best(ranks, offsets) + 1.0)


def average_precision(ranks: Ints, k: int = 10, offsets: Ints | None = None) -> Floats:
    """AP@k = sum over the answers with rank < k of the precision at their places / answers; its mean is MAP@k.

    As trec_eval's map_cut: answers beyond the first k count as found nowhere. The ranks of one example must differ.
    """
    if offsets is None or len(ranks) == len(offsets) - 1:
        return np.where(ranks < k, 1 / (ranks + 1.0), 0.0)
    owners = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    in_order = ranks[np.lexsort((ranks, owners))]
    found = np.arange(len(ranks)) - offsets[owners] + 1
    return sums(np.where(in_order < k, found / (in_order + 1.0), 0.0), offsets) / np.diff(offsets)
