"""What answers when the model cannot: popular among what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from promptrec.data.catalogue import Rows
from promptrec.data.dataset import Dataset
from promptrec.data.history import Event
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
    barred = {*query.exclude, *release.deleted}
    if query.seen == "exclude":
        barred |= {event if isinstance(event, str) else event[0] for event in history}
    allowed = None if query.allow is None else set(query.allow)
    ids = (catalogue.ids[row] for row in release.popular)
    shown = (id_ for id_ in ids if id_ not in barred and (allowed is None or id_ in allowed))
    best = list(islice(shown, query.k))
    items = tuple(Item(id_, catalogue.title(catalogue.row(id_)), 0.0, ("popular",)) for id_ in best)
    return Recommendation(items, (), query.request, tuple(catalogue.history(history)[1]), fallback=True)
