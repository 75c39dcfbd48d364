"""A release: everything that answers one call, and never changes while it does."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promptrec.backbone.sequence import SequenceBackbone
from promptrec.data.catalogue import Rows
from promptrec.errors import PromptrecError
from promptrec.index.choice import measured
from promptrec.index.exact import ExactIndex
from promptrec.prompt.query import Query
from promptrec.rank.ranker import Ranker
from promptrec.recommender import Recommender
from promptrec.serve.engine.additions import with_changes
from promptrec.serve.engine.model_thread import batched
from promptrec.serve.engine.packed import PackedSequence
from promptrec.serve.engine.popular import popularity
from promptrec.serve.engine.prompts import LoadedPrompts
from promptrec.serve.engine.request_cache import RequestCache, caching
from promptrec.serve.search import TitleSearch
from promptrec.serve.store import ItemChange


@dataclass(frozen=True)
class Release:
    """label: names it in logs and at /ready: the version of the backbone and a count.

    base: the recommender as the workspace has it; catalogued: over the live catalogue; recommender: the one that
    answers, with batching and caches. changes: the latest change of each changed item; deleted: ids never shown.
    packed: what reads histories for a `sequence` backbone; it knows the latest.
    """

    label: str
    base: Recommender
    catalogued: Recommender
    recommender: Recommender
    prompts: LoadedPrompts
    requests: RequestCache
    changes: tuple[ItemChange, ...]
    deleted: frozenset[str]
    packed: PackedSequence | None

    @classmethod
    def of(
        cls,
        label: str,
        base: Recommender,
        prompts: LoadedPrompts,
        requests: RequestCache,
        changes: tuple[ItemChange, ...],
        before: Release | None = None,
    ) -> Release:
        """before: the release that this one follows; what did not change of its catalogue is taken over."""
        known = before.catalogued if before is not None and before.base is base else None
        unchanged = before is not None and before.changes == changes
        catalogued = known if known is not None and unchanged else with_changes(base, changes, known)
        recommender = copy.copy(catalogued)
        backbone = copy.copy(recommender.backbone)
        packed = before.packed if before is not None and before.catalogued is catalogued else None
        if isinstance(backbone, SequenceBackbone):
            packed = packed or PackedSequence(backbone)
            backbone.encode = packed.encode  # type: ignore[method-assign]
        backbone.encode_queries = batched(backbone.encode_queries)  # type: ignore[method-assign, assignment, arg-type]
        recommender.backbone = backbone
        recommender.ranker = Ranker(backbone, recommender.lexical, recommender.index_kind)
        recommender.ranker.index = catalogued.ranker.index
        recommender.ranker.nearest = batched(recommender.ranker.nearest)  # type: ignore[method-assign, assignment]
        recommender.library = prompts
        recommender.requests = caching(recommender.requests, requests)
        deleted = frozenset(change.item_id for change in changes if change.item is None)
        return cls(label, base, catalogued, recommender, prompts, requests, changes, deleted, packed)

    @property
    def last_change(self) -> int:
        return self.changes[-1].number if self.changes else 0

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """The deleted items that the catalogue has, so that ranking must leave them out."""
        ids = sorted(self.deleted)
        return tuple(id_ for id_, row in zip(ids, self.recommender.catalogue.rows(ids), strict=True) if row >= 0)

    @cached_property
    def search(self) -> TitleSearch:
        return TitleSearch(self.recommender.catalogue)

    @cached_property
    def popular(self) -> Rows:
        """All catalogue rows, the most popular first."""
        return popularity(self.recommender.dataset)

    def index_recall(self) -> float:
        """Measured recall@50 of the item index against exact search; 1 where the index is exact."""
        index, histories = self.catalogued.ranker.index, self.catalogued.dataset.histories
        if isinstance(index, ExactIndex) or not len(histories):
            return 1.0
        people = [Query(history=histories.of(person)) for person in range(min(64, len(histories)))]
        return measured(index, self.catalogued.backbone.encode_queries(people).float().cpu().numpy()).recall

    def self_test(self, names: Iterable[str] | None = None, words: bool = True) -> None:
        """Rank for nobody, for one who saw something, with the prompts of these names (all where None) and with a
        request.

        Raises PromptrecError where an answer is missing or no number.
        """
        seen, k = self._question
        for history in ([], seen):
            self._check(self.recommender.recommend(history, None, None, k).items, k)
        for name in self.prompts.versions_in_use if names is None else names:
            if self.prompts.load(name).backbone == self.recommender.backbone.fingerprint:
                self._check(self.recommender.recommend(seen, None, name, k, explain=False).items, k)
        if words:
            self.test_words()

    def test_words(self) -> None:
        """Rank with a request. Apart, as the text encoder takes longer to load than all the rest of a start."""
        seen, k = self._question
        self._check(self.recommender.recommend(seen, "self test", None, k).items, k)

    @property
    def _question(self) -> tuple[list[str], int]:
        """A history and how many items are asked for."""
        catalogue = self.recommender.catalogue
        return [catalogue.ids[int(self.popular[0])]], min(3, len(catalogue) - 1) or 1

    def _check(self, items: tuple[object, ...], k: int) -> None:
        scores = [getattr(item, "score", float("nan")) for item in items]
        if len(items) < min(k, 1) or not np.isfinite(scores).all():
            raise PromptrecError(f"release {self.label}: its self-test ranked {len(items)} items with scores {scores}")
