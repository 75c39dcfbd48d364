"""A backbone whose list has one place for an item without events, found by content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptrec.backbone.interface import Backbone, Scores
from promptrec.baselines.content import ContentSimilarity
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import Sparse
from promptrec.prompt.query import Query

PLACE = 10


@dataclass(frozen=True)
class ContentSlot:
    """Items that training people have are ranked by the backbone. The others are ranked by content similarity below
    them, but for the most similar one, which stands in the tenth place.

    cold: (n,) mask of the items that no training person has. Items of the history take no place.
    """

    backbone: Backbone
    content: ContentSimilarity
    cold: Rows
    name: str

    @classmethod
    def fit(cls, backbone: Backbone, training: Sparse, vectors: Scores) -> ContentSlot:
        cold = np.asarray(training.sum(axis=0)).ravel() == 0
        return cls(backbone, ContentSimilarity.fit(vectors), cold, f"{backbone.name}-content-slot")

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32; places are counted in the whole catalogue, whichever rows are asked for."""
        scores = self.backbone.score(queries)
        if self.cold.any() and (~self.cold).sum() >= PLACE:
            similar = self.content.score(queries)
            for own, alike, query in zip(scores, similar, queries, strict=True):
                self._place(own, alike, query.history.rows)
        return scores if rows is None else scores[:, rows]

    def _place(self, scores: Scores, similar: Scores, seen: Rows) -> None:
        warm = np.setdiff1d(np.flatnonzero(~self.cold), seen)
        cold = np.setdiff1d(np.flatnonzero(self.cold), seen)
        if len(warm) < PLACE or not len(cold):
            return
        best = -np.partition(-scores[warm], (PLACE - 2, PLACE - 1))[[PLACE - 2, PLACE - 1]]
        lowest = scores[warm].min()
        scores[cold] = lowest - 2 + similar[cold]  # a cosine is at most 1
        scores[cold[similar[cold].argmax()]] = best.mean()
