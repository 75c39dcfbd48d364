"""What lists are like beyond hitting the answer. `top` is (n, k) int64 of item rows, -1 where a list is shorter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptrec.evaluate.ranking import Floats, Ranks

_CHUNK = 1024


def coverage(top: Ranks, n_items: int) -> float:
    """The share of the catalogue that is in at least one list."""
    return len(np.unique(top[top >= 0])) / n_items


def novelty(top: Ranks, counts: npt.NDArray[np.float32], people: int) -> Floats:
    """(n,) mean of -log2(share of training people who have the item) over each list (Zhou et al., PNAS 2010).

    counts: (n_items,) training people who have each item; an item that nobody has counts as if one person had it.
    """
    surprise = -np.log2(np.maximum(counts, 1) / max(people, 1)).astype(np.float64)
    there = top >= 0
    means: Floats = np.where(there, surprise[top], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return means


def diversity(top: Ranks, vectors: npt.NDArray[np.float32]) -> Floats:
    """(n,) 1 - mean cosine over the pairs of each list (Ziegler et al., WWW 2005); 0 for lists of fewer than two.

    vectors: (n_items, d) content vectors. With unit vectors the pairs' cosines add up to (|sum|^2 - m) / 2.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    out = np.zeros(len(top))
    for start in range(0, len(top), _CHUNK):
        part = top[start : start + _CHUNK]
        chosen = np.where((part >= 0)[:, :, None], unit[part], 0).astype(np.float64)
        own = (chosen**2).sum(axis=(1, 2))
        sizes = (part >= 0).sum(axis=1)
        pairs = sizes * (sizes - 1)
        mean = ((chosen.sum(axis=1) ** 2).sum(axis=1) - own) / np.maximum(pairs, 1)
        out[start : start + _CHUNK] = np.where(pairs > 0, 1 - mean, 0)
    return out
