"""How sure a mean is, and how sure the difference of two: people are resampled, as one person's answers go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.evaluate.metrics.segments import Floats, Ints
from promptrec.seeding import generator

_MOST_DRAWS = 4_000_000
RESAMPLES, FLIPS = 1000, 10_000


def standard_error(differences: Floats, people: npt.NDArray[np.int64]) -> float:
    """Of the mean of (n,) differences; those of one person, of whom `people` (n,) says who each is of, go up and down
    together."""
    apart = np.bincount(people, weights=differences - differences.mean())
    return float(np.sqrt((apart**2).sum()) / len(differences))


def bootstrap_interval(
    values: Floats, seed: int, resamples: int = RESAMPLES, people: Ints | None = None
) -> dict[str, float]:
    """The mean of `values` (n,) as `value`, with its 95% interval `low` to `high`. Raises ValueError for no values."""
    return bootstrap_intervals({"values": values}, seed, resamples, people)["values"]


def bootstrap_intervals(
    values: Mapping[str, Floats], seed: int, resamples: int = RESAMPLES, people: Ints | None = None
) -> dict[str, dict[str, float]]:
    """`bootstrap_interval` of several metrics of the same examples, from the same draws.

    The percentile bootstrap (Efron, Tibshirani 1993, chapter 13) over people, each drawn with all their examples.
    people: (n,) who each example belongs to; each is a person of their own where None.
    """
    sums, sizes = _per_person(list(values.values()), people)
    if not len(sizes):
        raise ValueError("there is no mean of no values")
    rng = generator(seed, "bootstrap")
    block = max(1, _MOST_DRAWS // len(sizes))
    totals = []
    for done in range(0, resamples, block):
        rows = min(block, resamples - done)
        drawn = rng.integers(len(sizes), size=(rows, len(sizes)))
        drawn += np.arange(rows)[:, None] * len(sizes)
        times = np.bincount(drawn.ravel(), minlength=rows * len(sizes)).reshape(rows, len(sizes)).astype(np.float64)
        totals.append(times @ np.column_stack([sums, sizes]))
    drawn_sums = np.concatenate(totals)
    low, high = np.percentile(drawn_sums[:, :-1] / drawn_sums[:, -1:], [2.5, 97.5], axis=0)
    means = sums.sum(axis=0) / sizes.sum()
    return {
        name: {"value": float(means[i]), "low": float(low[i]), "high": float(high[i])} for i, name in enumerate(values)
    }


def paired_difference(
    after: Floats, before: Floats, seed: int, resamples: int = RESAMPLES, people: Ints | None = None
) -> dict[str, float]:
    """`bootstrap_interval` of after - before, (n,) each, of the same examples in the same order."""
    return bootstrap_interval(np.asarray(after) - np.asarray(before), seed, resamples, people)


def compared(before: Floats, after: Floats, seed: int) -> dict[str, dict[str, float]]:
    """The means `without` and `with` something and their paired `difference`, as cards have them."""
    return {
        "without": bootstrap_interval(before, seed),
        "with": bootstrap_interval(after, seed),
        "difference": paired_difference(after, before, seed),
    }


def sign_flip_p(differences: Sequence[Floats], seed: int, people: Ints | None = None) -> list[float]:
    """For each of several (n,) arrays of paired differences the two-sided p-value of their mean.

    The paired permutation test (Fisher 1935; Smucker, Allan, Carterette, CIKM 2007): if two models are equal, each
    person's difference could as well have the other sign; p is the share of 10,000 such flips whose mean is as far from
    0, (1 + found) / (1 + flips) (Phipson, Smyth 2010), the same flips for all arrays.
    """
    sums, sizes = _per_person(differences, people)
    rng = generator(seed, "sign flips")
    observed = np.abs(sums.sum(axis=0)) * (1 - 1e-9)  # a flip that gives the same mean must not be lost to rounding
    found = np.zeros(len(differences))
    block = max(1, _MOST_DRAWS // len(sizes))
    for done in range(0, FLIPS, block):
        rows = min(block, FLIPS - done)
        bits = np.unpackbits(rng.integers(256, size=(rows, -(-len(sizes) // 8)), dtype=np.uint8), axis=1)
        signs = bits[:, : len(sizes)].astype(np.float64) * 2 - 1
        found += (np.abs(signs @ sums) >= observed).sum(axis=0)
    return [float(p) for p in (1 + found) / (1 + FLIPS)]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for being several (Holm, Scandinavian Journal of Statistics 1979), in their order."""
    order = np.argsort(p_values, kind="stable")
    scaled = np.array(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return [float(p) for p in corrected]


def _per_person(values: Sequence[npt.NDArray[Any]], people: Ints | None) -> tuple[Floats, Floats]:
    """(p, m) each person's sum of each array, and (p,) how many examples a person has."""
    columns: Floats = np.column_stack(list(values)).astype(np.float64)
    if people is None:
        return columns, np.ones(len(columns))
    _, owner = np.unique(people, return_inverse=True)
    sizes: Floats = np.bincount(owner).astype(np.float64)
    sums: Floats = np.column_stack([np.bincount(owner, weights=column) for column in columns.T])
    return sums, sizes
