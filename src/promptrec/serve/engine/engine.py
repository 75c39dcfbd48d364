"""One call from what the caller sent to the answer."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Sequence
from typing import Any

from promptrec.data.describe import FEW
from promptrec.data.history import Event
from promptrec.errors import PromptrecError
from promptrec.index.contract import Kind
from promptrec.prompt.slots import has_slots
from promptrec.recommender import Recommendation
from promptrec.serve.engine.model_thread import ModelThread
from promptrec.serve.engine.popular import popular
from promptrec.serve.engine.release import Release
from promptrec.serve.engine.releases import Releases
from promptrec.serve.engine.shown import Shown, new_id
from promptrec.serve.metrics import COLD, FALLBACKS, HISTORY, REQUEST, TOTAL
from promptrec.serve.schemas import RecommendIn
from promptrec.serve.store import EventStore, StoreUnavailableError
from promptrec.workspace import Workspace

log = logging.getLogger("promptrec.serve")
FEW_ITEMS = 50_000  # 32 calls score so many in some 5 ms
MOST_LIVE = 1_000  # of a person's events in the store, the latest


class Engine:
    """Store, releases and the model's thread of one process. Raises PromptrecError where nothing can be loaded.

    store_name: what the dataset's manifest calls the store, to tell which of its events were pulled into the dataset.
    index: how items are found; by their number where None.
    """

    def __init__(
        self, workspace: Workspace, store: EventStore, store_name: str = "state.db", index: Kind | None = None
    ) -> None:
        self._store_name = store_name
        self.workspace = workspace
        self.store = store
        self.releases = Releases(workspace, store, index)
        self.shown = Shown(store)
        self._model = ModelThread()

    @property
    def current(self) -> Release:
        return self.releases.current

    def close(self) -> None:
        """Answer what waits, then let go of everything but the store, which is the caller's."""
        self._model.close()
        self.releases.close()
        self.shown.close()

    async def show(self, query: RecommendIn, bulk: bool = False) -> dict[str, Any]:
        """`recommend` for a caller who shows it to somebody: it is counted, so that clicks have something to be of."""
        found = await self.recommend(query, bulk)
        self.shown.add(found["recommendation_id"])
        return found

    async def recommend(self, query: RecommendIn, bulk: bool = False) -> dict[str, Any]:
        """The answer's document. Raises PromptrecError for a query that cannot be answered."""
        began = time.perf_counter()
        release = self.current
        notes = []
        history: Sequence[str | Event] = query.history or []
        if query.user_id is not None:
            history, note = await self._history(release, query.user_id)
            notes += [note] if note else []
        if len(history) < FEW:
            COLD.inc()
        if query.request is not None and query.request not in release.requests:
            # Beside the model's thread, so that nobody else waits for it.
            before = time.perf_counter()
            await asyncio.to_thread(release.requests.prompt, query.request)
            REQUEST.observe(time.perf_counter() - before)
        options = _options(query, release)
        if query.image is not None:
            options["image"] = decoded(query.image)
            await asyncio.to_thread(release.recommender.like, "image", options["image"])
        call = lambda: release.recommender.recommend(history, query.request, _prompt(query), query.k, **options)  # noqa: E731
        try:
            found = await self._model.answer(call, bulk, brief=not bulk and _brief(query, release))
        except PromptrecError:
            raise
        except Exception:
            log.exception("the model failed; popular items answer")
            FALLBACKS.inc()
            found = popular(release, history, query)
            notes.append("the model failed; these are popular items among what is allowed")
        TOTAL.observe(time.perf_counter() - began)
        return _document(found, query, notes)

    async def _history(self, release: Release, user_id: str) -> tuple[list[Event], str | None]:
        """The dataset's events and the store's, in order; the dataset's alone, and a note, where the store is away."""
        before = time.perf_counter()
        events = list(release.recommender.history_of(user_id))
        note = None
        try:
            pulled = release.recommender.dataset.manifest.get("pulled", {}).get(self._store_name, 0)
            live = await asyncio.to_thread(self.store.history, user_id, MOST_LIVE, pulled)
            events += [(event.item_id, event.time, event.kind) for event in live]
            events.sort(key=lambda event: float("-inf") if event[1] is None else event[1])
        except StoreUnavailableError:
            note = "the event store is away; events since the last import are missing"
        HISTORY.observe(time.perf_counter() - before)
        return events, note


def _brief(query: RecommendIn, release: Release) -> bool:
    """Whether ranking takes so little that nobody notices it in the event loop: a packed network, no reasons, and
    nothing to encode."""
    named = (query.prompt,) if isinstance(query.prompt, str) else [share.name for share in query.prompt or ()]
    return not (
        release.packed is None
        or query.explain
        or len(release.recommender.catalogue) > FEW_ITEMS
        or (query.request is not None and has_slots(query.request))
        or not release.prompts.slotted.isdisjoint(named)
    )


def decoded(image: str) -> bytes:
    """The bytes of a picture from base64. Raises PromptrecError."""
    try:
        return base64.b64decode(image, validate=True)
    except ValueError as error:
        raise PromptrecError(f"image: expected the base64 of a picture's file ({error})") from None


def _prompt(query: RecommendIn) -> str | dict[str, float] | None:
    if query.prompt is None or isinstance(query.prompt, str):
        return query.prompt
    return {share.name: share.weight for share in query.prompt}


def _options(query: RecommendIn, release: Release) -> dict[str, Any]:
    """What the caller set of the recommender's options."""
    options: dict[str, Any] = {}
    exclude = [*query.exclude, *release.hidden]
    if exclude:
        options["exclude"] = exclude
    if query.allow is not None:
        options["allow"] = query.allow
    if query.filters:
        options["filters"] = {name: one.model_dump(exclude_none=True) for name, one in query.filters.items()}
    if query.diversity:
        options["diversity"] = query.diversity
    if query.seen != "exclude":
        options["seen"] = query.seen
    if query.request_weight != 0.5:
        options["request_weight"] = query.request_weight
    if query.profile:
        options["profile"] = query.profile
    if not query.explain:
        options["explain"] = False
    return options


def _document(found: Recommendation, query: RecommendIn, notes: list[str]) -> dict[str, Any]:
    own = found.as_dict()
    return {"recommendation_id": new_id(found), **own, "request": query.request, "notes": [*own["notes"], *notes]}
