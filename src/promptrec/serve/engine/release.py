"""A release: everything that answers one call, and never changes while it does."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promptrec.data.catalogue import Rows
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.serve.engine.additions import with_changes
from promptrec.serve.engine.model_thread import batched
from promptrec.serve.engine.popular import popularity
from promptrec.serve.engine.prompts import LoadedPrompts
from promptrec.serve.engine.request_cache import RequestCache, caching
from promptrec.serve.search import TitleSearch
from promptrec.serve.store import ItemChange


@dataclass(frozen=True)
class Release:
    """label: names backbone, prompts and catalogue in logs and in the header Promptrec-Release.

    base: the recommender as the workspace has it; recommender: the one that answers, with the live catalogue, batching
    and caches; changes: the latest change of each changed item; deleted: ids that are never shown.
    """

    label: str
    base: Recommender
    recommender: Recommender
    prompts: LoadedPrompts
    requests: RequestCache
    changes: tuple[ItemChange, ...]
    deleted: frozenset[str]

    @classmethod
    def of(
        cls,
        label: str,
        base: Recommender,
        prompts: LoadedPrompts,
        requests: RequestCache,
        changes: tuple[ItemChange, ...],
    ) -> Release:
        recommender = copy.copy(with_changes(base, changes))
        backbone = copy.copy(recommender.backbone)
        backbone.encode_queries = batched(backbone.encode_queries)  # type: ignore[method-assign, assignment]
        recommender.backbone = backbone
        recommender.library = prompts
        recommender.requests = caching(recommender.requests, requests)
        deleted = frozenset(change.item_id for change in changes if change.item is None)
        return cls(label, base, recommender, prompts, requests, changes, deleted)

    @property
    def last_change(self) -> int:
        return self.changes[-1].number if self.changes else 0

    @cached_property
    def search(self) -> TitleSearch:
        return TitleSearch(self.recommender.catalogue)

    @cached_property
    def popular(self) -> Rows:
        """All catalogue rows, the most popular first."""
        return popularity(self.recommender.dataset)

    def shown(self, id_: str) -> bool:
        """Whether an item is in the catalogue and not deleted."""
        return id_ not in self.deleted and bool(self.recommender.catalogue.rows([id_])[0] >= 0)

    def self_test(self) -> None:
        """Rank for nobody, for one who saw something, with a request and with each kind of prompt.

        Raises PromptrecError where an answer is missing or no number.
        """
        catalogue = self.recommender.catalogue
        seen = [catalogue.ids[int(self.popular[0])]]
        k = min(3, len(catalogue) - 1) or 1
        for history, request in (([], None), (seen, None), (seen, "self test")):
            self._check(self.recommender.recommend(history, request, None, k).items, k)
        for name, version in self.prompts.versions_in_use.items():
            if self.prompts.load(name, version).backbone == self.recommender.backbone.fingerprint:
                self._check(self.recommender.recommend(seen, None, name, k).items, k)

    def _check(self, items: tuple[object, ...], k: int) -> None:
        scores = [getattr(item, "score", float("nan")) for item in items]
        if len(items) < min(k, 1) or not np.isfinite(scores).all():
            raise PromptrecError(f"release {self.label}: its self-test ranked {len(items)} items with scores {scores}")
