"""Whether a list keeps the proportions of a person's tastes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from promptrec.evaluate.metrics.segments import Floats, Ints

_CHUNK = 4096
_MIXED_IN = 0.01


def calibration(
    top: Ints, known: Ints, offsets: Ints, shares: npt.NDArray[np.float32], usual: npt.NDArray[np.float32]
) -> Floats:
    """(n,) the divergence of each list's classes from those of the history; 0 where the proportions are the same.

    KL(p || q) in nats, p the mean of `shares` over the history's items and q over the list's, where q is mixed with 1%
    of p so that it is finite (Steck, RecSys 2018). known, offsets: the rows of example i's history are
    known[offsets[i]:offsets[i + 1]]; shares: (n_items, c) from `class_shares`; usual: (c,) stands for the tastes of
    somebody whose history tells nothing.
    """
    out = np.empty(len(top))
    for start in range(0, len(top), _CHUNK):
        stop = min(start + _CHUNK, len(top))
        own = offsets[start : stop + 1]
        events = known[own[0] : own[-1]]
        histories = sparse.csr_matrix((np.ones(len(events)), events, own - own[0]), (stop - start, len(shares)))
        tastes = np.asarray(histories @ shares, dtype=np.float64)
        tastes[tastes.sum(axis=1) == 0] = usual
        part = top[start:stop]
        listed = np.where((part >= 0)[:, :, None], shares[part], 0).sum(axis=1, dtype=np.float64)
        p, q = _normalised(tastes), _normalised(listed)
        q = (1 - _MIXED_IN) * q + _MIXED_IN * p
        out[start:stop] = np.where(p > 0, p * np.log(np.where(p > 0, p, 1) / np.where(p > 0, q, 1)), 0).sum(axis=1)
    return out


def class_shares(words: Sequence[Sequence[str]], most: int = 100) -> npt.NDArray[np.float32]:
    """(n_items, c) each item spread evenly over its words; of more than `most` words the most frequent are classes."""
    frequency: dict[str, int] = {}
    for own in words:
        for word in own:
            frequency[word] = frequency.get(word, 0) + 1
    classes = sorted(frequency, key=lambda word: (-frequency[word], word))[:most]
    column = {word: place for place, word in enumerate(classes)}
    shares = np.zeros((len(words), len(classes)), np.float32)
    for row, own in enumerate(words):
        kept = [column[word] for word in own if word in column]
        shares[row, kept] = 1 / max(len(kept), 1)
    return shares


def _normalised(weights: Floats) -> Floats:
    normalised: Floats = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    return normalised
