"""The best items for a query, of those that may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from promptrec.backbone.interface import Backbone
from promptrec.data.catalogue import Rows
from promptrec.index.choice import index_of
from promptrec.index.contract import Found, ItemIndex, Kind, Mask, best_of
from promptrec.prompt.query import Query
from promptrec.rank.diversity import candidates, varied
from promptrec.rank.lexical import Lexical


@dataclass(frozen=True)
class Ask:
    """What is looked for in the index: the best `count` items for a query that are not in `out` and are `allowed`."""

    query: Query
    count: int
    out: Rows
    allowed: Mask | None


class Ranker:
    """One backbone's items behind an index, and their words where requests are read word by word as well."""

    def __init__(self, backbone: Backbone, lexical: Lexical | None, kind: Kind | None = None) -> None:
        """kind: of the index; by the number of items where None."""
        self.backbone = backbone
        self.lexical = lexical
        self._kind = kind

    @cached_property
    def index(self) -> ItemIndex:
        return index_of(self.backbone.encode_items().float().cpu().numpy(), self._kind)

    def best(self, query: Query, k: int, out: Rows, allowed: Mask | None, diversity: float = 0.0) -> Found:
        """Rows and scores of at most `k` items that are not in `out` and are `allowed`, in the order to show them."""
        count = min(candidates(k, diversity), len(self.index))
        if query.request is not None and self.lexical is not None:
            rows, scores = self._by_words_too(query, self.lexical, count, out, allowed)
        else:
            rows, scores = self.nearest([Ask(query, count, out, allowed)])[0]
        if diversity and len(rows):
            chosen = varied(scores, self._vectors(rows), k, diversity)
            rows, scores = rows[chosen], scores[chosen]
        return rows, scores

    def nearest(self, asks: Sequence[Ask]) -> list[Found]:
        """Rows and scores for each, best first; asks that come together are encoded and looked for together."""
        with torch.inference_mode():
            encoded = self.backbone.encode_queries([ask.query for ask in asks]).float().cpu().numpy()
        together: dict[int, list[int]] = {}
        for place, ask in enumerate(asks):
            together.setdefault(id(ask.allowed), []).append(place)
        answers: list[Found] = [(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))] * len(asks)
        for places in together.values():
            count = max(asks[place].count for place in places)
            out, allowed = [asks[place].out for place in places], asks[places[0]].allowed
            shifts = [_shift(asks[place].query) for place in places]
            found, best = self.index.search(encoded[places], count, out, allowed, shifts)
            for i, place in enumerate(places):
                own = found[i, : asks[place].count]
                there = own >= 0
                answers[place] = (own, best[i, : len(own)]) if there.all() else (own[there], best[i, : len(own)][there])
        return answers

    def _by_words_too(self, query: Query, lexical: Lexical, count: int, out: Rows, allowed: Mask | None) -> Found:
        scores = lexical.blend(self.backbone.score([query])[0], query.request or "")
        left = np.ones(len(scores), dtype=bool) if allowed is None else allowed.copy()
        left[out] = False
        places = np.flatnonzero(left)
        rows, best = best_of(places, scores[places], count)
        order = np.lexsort((rows, -best))
        return rows[order], best[order]

    def similar(self, row: int, k: int) -> Found:
        """The `k` items whose vectors have the greatest cosine with that of the item at `row`."""
        own = self._vectors(np.array([row]))[0]
        found = self.index.search(own[None], min(candidates(k, 1.0), len(self.index)), [np.array([row])])[0][0]
        rows = found[found >= 0]
        vectors = self._vectors(rows)
        cosines = vectors @ own / np.maximum(np.linalg.norm(vectors, axis=1) * np.linalg.norm(own), 1e-12)
        order = np.lexsort((rows, -cosines))[:k]
        return rows[order], cosines[order].astype(np.float32)

    def _vectors(self, rows: Rows) -> np.ndarray:
        vectors: np.ndarray = self.backbone.encode_items(rows).float().cpu().numpy()
        return vectors


def _shift(query: Query) -> torch.Tensor | None:
    """What one prompt adds to anybody's query, None where there is no such prompt or several, or one of this person."""
    parts = query.prompt.flat() if query.prompt is not None else []
    return parts[0][0].tensors.get("shift") if len(parts) == 1 and parts[0][0].kind != "profile" else None
