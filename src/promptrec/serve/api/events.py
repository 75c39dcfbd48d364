"""POST /v1/events."""

from __future__ import annotations

import asyncio
import time

from fastapi import APIRouter

from promptrec.errors import PromptrecError
from promptrec.serve.engine.engine import Engine
from promptrec.serve.metrics import EVENTS
from promptrec.serve.schemas import EventIn, EventsIn, EventsOut
from promptrec.serve.store import StoredEvent


def event_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["events"])

    @routes.post("/events", summary="Store what people did; their next recommendation knows it")
    async def events(body: EventsIn) -> EventsOut:
        await _check_items(engine, body.events)
        now = time.time()
        accepted = await asyncio.wrap_future(engine.store.submit([_stored(event, now) for event in body.events]))
        duplicates = len(body.events) - accepted
        EVENTS.labels("accepted").inc(accepted)
        EVENTS.labels("duplicate").inc(duplicates)
        return EventsOut(accepted=accepted, duplicates=duplicates)

    return routes


def _stored(event: EventIn, now: float) -> StoredEvent:
    when = now if event.time is None else event.time
    stored = StoredEvent(event.user_id, event.item_id, event.kind, event.value, when)
    return StoredEvent(
        stored.user_id,
        stored.item_id,
        stored.kind,
        stored.value,
        when,
        event.event_id or stored.event_id,
        event.recommendation_id,
    )


async def _check_items(engine: Engine, events: list[EventIn]) -> None:
    """Raise PromptrecError for an item that is nowhere; one that another worker was just given is looked up."""
    ids = [event.item_id for event in events]
    if not (engine.current.recommender.catalogue.rows(ids) < 0).any():
        return
    await asyncio.to_thread(engine.releases.refresh)
    catalogue = engine.current.recommender.catalogue
    unknown = catalogue.rows(ids) < 0
    if unknown.any():
        position = int(unknown.argmax())
        raise PromptrecError(
            f"events.{position}.item_id: item {ids[position]!r} is not in the catalogue of {len(catalogue):,} items; "
            "nothing was stored"
        )
