"""How unlike each other the items of one list are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptrec.evaluate.metrics.segments import Floats, Ints

_CHUNK = 1024


def diversity(top: Ints, vectors: npt.NDArray[np.float32]) -> Floats:
    """(n,) 1 - mean cosine over the pairs of each list (Ziegler et al., WWW 2005); 0 for lists of fewer than two.

    vectors: (n_items, d) content vectors. With unit vectors the pairs' cosines add up to (|sum|^2 - m) / 2.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    out = np.zeros(len(top))
    for start in range(0, len(top), _CHUNK):
        part = top[start : start + _CHUNK]
        chosen = np.where((part >= 0)[:, :, None], unit[part], 0)
        own = (chosen**2).sum(axis=(1, 2), dtype=np.float64)
        sizes = (part >= 0).sum(axis=1)
        pairs = sizes * (sizes - 1)
        whole = chosen.sum(axis=1, dtype=np.float64)
        mean = ((whole**2).sum(axis=1) - own) / np.maximum(pairs, 1)
        out[start : start + _CHUNK] = np.where(pairs > 0, 1 - mean, 0)
    return out
