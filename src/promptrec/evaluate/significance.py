"""How sure a mean is: the percentile bootstrap (Efron, Tibshirani 1993, chapter 13), resampling people."""

from __future__ import annotations

import numpy as np

from promptrec.evaluate.ranking import Floats
from promptrec.seeding import generator

_MOST_DRAWS = 4_000_000


def bootstrap_interval(values: Floats, seed: int, resamples: int = 1000) -> dict[str, float]:
    """The mean of `values` (n,) as `value`, with its 95% interval `low` to `high`. Raises ValueError for no values."""
    if not len(values):
        raise ValueError("there is no mean of no values")
    rng = generator(seed, "bootstrap")
    block = max(1, _MOST_DRAWS // len(values))
    means = np.concatenate(
        [
            values[rng.integers(len(values), size=(min(block, resamples - done), len(values)))].mean(axis=1)
            for done in range(0, resamples, block)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return {"value": float(np.mean(values)), "low": float(low), "high": float(high)}


def paired_difference(after: Floats, before: Floats, seed: int, resamples: int = 1000) -> dict[str, float]:
    """`bootstrap_interval` of after - before, (n,) each, of the same examples in the same order."""
    return bootstrap_interval(np.asarray(after) - np.asarray(before), seed, resamples)
