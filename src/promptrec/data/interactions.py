"""The events that are trained on, as a sparse matrix of people and items."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from promptrec.data.split import Split

Sparse = Any  # scipy.sparse.csr_matrix, which has no types


def training_matrix(split: Split, n_items: int) -> Sparse:
    """(p, n_items) CSR float32, one where a training person has the item among the events that are trained on."""
    people, events = training_events(split)
    ones = np.ones(len(events), np.float32)
    matrix = sparse.csr_matrix((ones, (people, split.histories.rows[events])), (len(split.training), n_items))
    return binary(matrix)


def training_events(split: Split) -> tuple[Any, Any]:
    """(e,) int64 each: for every event that is trained on, the place of its person in `split.training` and its own
    place in the arrays of `split.histories`."""
    lengths = split.training_lengths()
    people = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(people)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return people, np.repeat(split.histories.offsets[split.training], lengths) + within


def binary(matrix: Sparse) -> Sparse:
    """The matrix with ones where it has entries."""
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix
