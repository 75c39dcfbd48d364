"""What answers when the model cannot: popular among what is allowed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from promptrec.data.catalogue import Rows
from promptrec.data.dataset import Dataset
from promptrec.data.history import Event
from promptrec.rank.seen import seen_rows
from promptrec.recommender import Item, Recommendation
from promptrec.serve.schemas import RecommendIn

if TYPE_CHECKING:
    from promptrec.serve.engine.release import Release


def popularity(dataset: Dataset) -> Rows:
    """All catalogue rows, those with the most events first."""
    counts = np.bincount(dataset.histories.rows, minlength=len(dataset.catalogue))
    return np.argsort(-counts, kind="stable").astype(np.int64)


def popular(release: Release, history: Sequence[str | Event], query: RecommendIn) -> Recommendation:
    """The `k` most popular items that the query allows."""
    catalogue = release.recommender.catalogue
    known, ignored = catalogue.history(history)
    left = np.ones(len(catalogue), dtype=bool)
    if query.filters:
        conditions = {name: one.model_dump(exclude_none=True) for name, one in query.filters.items()}
        left = release.recommender.filters.mask(conditions).copy()
    if query.allow is not None:
        left &= np.isin(np.arange(len(catalogue)), catalogue.rows(query.allow))
    barred = catalogue.rows([*query.exclude, *release.hidden])
    left[barred[barred >= 0]] = False
    left[seen_rows(known, query.seen, time.time())] = False
    best = release.popular[left[release.popular]][: query.k].tolist()
    items = tuple(Item(catalogue.ids[row], catalogue.title(row), 0.0, ("popular",)) for row in best)
    return Recommendation(items, (), query.request, tuple(ignored), fallback=True)
