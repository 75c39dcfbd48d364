"""How the lists of all people together treat the catalogue."""

from __future__ import annotations

import numpy as np

from promptrec.evaluate.metrics.segments import Ints


def coverage(top: Ints, n_items: int) -> float:
    """The share of the catalogue that is in at least one list (Herlocker et al., TOIS 2004)."""
    return len(np.unique(top[top >= 0])) / n_items


def gini(top: Ints, n_items: int) -> float:
    """The Gini index of how often items are listed: 0 where all are alike, towards 1 where few have all places.

    G = sum over items, the rarest first, of (2 i - n - 1) x_i / (n sum of x), i from 1 to n (Fleder, Hosanagar,
    Management Science 2009). Items that are never listed count. 0 where nothing is listed.
    """
    listed = np.sort(np.bincount(top[top >= 0], minlength=n_items)).astype(np.float64)
    if not listed.sum():
        return 0.0
    places = np.arange(1, n_items + 1)
    return float(((2 * places - n_items - 1) * listed).sum() / (n_items * listed.sum()))
