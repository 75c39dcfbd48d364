"""Histories as sparse matrices."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from promptrec.backbone.interface import Scores
from promptrec.data.interactions import Sparse, binary
from promptrec.prompt.query import Query

CHUNK = 256


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


def unit_rows(matrix: Sparse) -> Sparse:
    """The matrix with rows of length one; empty rows stay empty."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(lengths, 1e-12)) @ matrix).tocsr().astype(np.float32)


def in_chunks(score: Callable[[Sequence[Query]], Scores], queries: Sequence[Query]) -> Scores:
    """`score` for at most 256 queries at a time, so that what it holds on the way does not grow with how many are asked
    at once."""
    starts = range(0, max(len(queries), 1), CHUNK)
    return np.concatenate([score(queries[start : start + CHUNK]) for start in starts])
