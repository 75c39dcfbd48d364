"""Sums over the answers of each example."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def sums(values: npt.NDArray[np.float64], offsets: Ints | None) -> Floats:
    """(n,) the sum of each example's values; with offsets None each example has one."""
    if offsets is None or len(values) == len(offsets) - 1:
        return values
    added: Floats = np.add.reduceat(values, offsets[:-1])
    return added


def counts(ranks: Ints, offsets: Ints | None) -> Ints:
    """(n,) how many answers each example has."""
    return np.ones(len(ranks), np.int64) if offsets is None else np.diff(offsets)


def best(ranks: Ints, offsets: Ints | None) -> Ints:
    """(n,) the rank of each example's answer that stands highest."""
    return ranks if offsets is None else np.minimum.reduceat(ranks, offsets[:-1])
