"""Events as sparse matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from promptrec.data.split import Split
from promptrec.prompt.query import Query

Sparse = Any  # scipy.sparse.csr_matrix, which has no types


def training_matrix(split: Split, n_items: int) -> Sparse:
    """(p, n_items) CSR float32, one where a training person has the item among the events that are trained on."""
    histories, lengths = split.histories, split.training_lengths()
    starts = histories.offsets[split.training]
    people = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(people)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = histories.rows[np.repeat(starts, lengths) + within]
    return binary(sparse.csr_matrix((np.ones(len(items), np.float32), (people, items)), (len(lengths), n_items)))


def history_matrix(queries: Sequence[Query], n_items: int, decay: float | None = None) -> Sparse:
    """(b, n_items) CSR float32 of the queries' histories.

    Entries are one, or with `decay` exp(-age / decay), where the latest event has age 0 and repeated items add up.
    """
    lengths = np.array([len(query.history) for query in queries], dtype=np.int64)
    owners = np.repeat(np.arange(len(queries)), lengths)
    items = np.concatenate([np.empty(0, np.int64), *(query.history.rows for query in queries)])
    ages = np.repeat(np.cumsum(lengths), lengths) - 1 - np.arange(len(items))
    weights = np.ones(len(items)) if decay is None else np.exp(-ages / decay)
    matrix = sparse.csr_matrix((weights.astype(np.float32), (owners, items)), (len(queries), n_items))
    return binary(matrix) if decay is None else matrix


def binary(matrix: Sparse) -> Sparse:
    """The matrix with ones where it has entries."""
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def unit_rows(matrix: Sparse) -> Sparse:
    """The matrix with rows of length one; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ matrix).tocsr().astype(np.float32)
