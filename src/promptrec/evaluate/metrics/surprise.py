"""Whether lists show what people would not have met anyway."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from promptrec.evaluate.metrics.segments import Floats, Ints, sums


def novelty(top: Ints, counts: npt.NDArray[np.float32], people: int) -> Floats:
    """(n,) mean of -log2(share of training people who have the item) over each list (Zhou et al., PNAS 2010).

    counts: (n_items,) training people who have each item; an item that nobody has counts as if one person had it.
    """
    surprise = -np.log2(np.maximum(counts, 1) / max(people, 1)).astype(np.float64)
    there = top >= 0
    means: Floats = np.where(there, surprise[top], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return means


def serendipity(ranks: Ints, expected: npt.NDArray[np.bool_], k: int = 10, offsets: Ints | None = None) -> Floats:
    """Answers among the first k that are not `expected`, over k (Ge, Delgado-Battenfeld, Jannach, RecSys 2010).

    expected: (a,) for each answer whether a simple recommender lists it too; see `expected_by_popularity`.
    """
    return sums(((ranks < k) & ~expected).astype(np.float64), offsets) / k


def expected_by_popularity(
    answers: Ints, owners: Ints, known: Ints, offsets: Ints, counts: npt.NDArray[np.float32], k: int = 10
) -> npt.NDArray[np.bool_]:
    """(a,) whether each answer is among the k most popular items that its person does not have yet.

    owners: (a,) the example of each answer; known, offsets: the rows of example i's history are
    known[offsets[i]:offsets[i + 1]]. Equal counts stand before the answer, as everywhere.
    """
    ordered = np.sort(counts)
    not_less = len(counts) - np.searchsorted(ordered, counts, side="left") - 1  # others that are as popular or more
    near = np.flatnonzero(not_less[answers] < k + np.diff(offsets)[owners])  # the others cannot be among the k
    expected = np.zeros(len(answers), dtype=bool)
    for i in near:
        own = np.unique(known[offsets[owners[i]] : offsets[owners[i] + 1]])
        own = own[own != answers[i]]
        expected[i] = not_less[answers[i]] - (counts[own] >= counts[answers[i]]).sum() < k
    return expected
