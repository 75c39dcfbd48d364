"""The HTTP interface over one recommender and one event store."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query
from fastapi.staticfiles import StaticFiles

from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.serve.guard import Guard
from promptrec.serve.page import add_page
from promptrec.serve.problems import RESPONSES, add_problems
from promptrec.serve.schemas import (
    EventsIn,
    EventsOut,
    FoundItem,
    FoundOut,
    HealthOut,
    ItemOut,
    PromptOut,
    PromptsOut,
    RecommendIn,
    RecommendOut,
)
from promptrec.serve.search import TitleSearch
from promptrec.serve.store import EventStore, StoredEvent

MOST_LIVE = 1_000
STATIC = Path(__file__).parent / "static"


def create_app(recommender: Recommender, store: EventStore) -> FastAPI:
    """The service. Work runs in threads; the caller limits torch to one thread each."""
    app = FastAPI(
        title="promptrec",
        description="Recommendations that words and saved prompts steer.",
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
    )
    app.add_middleware(Guard)
    add_problems(app)
    catalogue = recommender.catalogue
    search = TitleSearch(catalogue)

    @app.post("/v1/recommend", summary="Recommend items for a person or a history")
    def recommend(query: RecommendIn) -> RecommendOut:
        if query.user_id is None:
            found = recommender.recommend(query.history or [], query.request, query.prompt, query.k)
        else:
            live = store.history(query.user_id, MOST_LIVE)
            history = recommender.history_of(query.user_id)
            history += [(event.item_id, event.time, event.kind) for event in live]
            found = recommender.recommend(history, query.request, query.prompt, query.k)
        return RecommendOut.model_validate(found.as_dict())

    @app.post("/v1/events", summary="Store what people did; their next recommendation knows it")
    def events(body: EventsIn) -> EventsOut:
        now = time.time()
        unknown = catalogue.rows(event.item_id for event in body.events) < 0
        if unknown.any():
            position = int(unknown.argmax())
            raise PromptrecError(
                f"events.{position}.item_id: item {body.events[position].item_id!r} is not in the catalogue of "
                f"{len(catalogue):,} items; nothing was stored"
            )
        return EventsOut(
            accepted=store.append(
                [
                    StoredEvent(e.user_id, e.item_id, e.kind, e.value, now if e.time is None else e.time)
                    for e in body.events
                ]
            )
        )

    @app.get("/v1/items", summary="Find items by words of their titles")
    def find(q: Annotated[str, Query(min_length=1, max_length=200)]) -> FoundOut:
        return FoundOut(items=[FoundItem(id=id_, title=title) for id_, title in search.find(q)])

    @app.get("/v1/items/{item_id:path}", summary="Everything known about one item")
    def item(item_id: str) -> ItemOut:
        row = catalogue.row(item_id)
        known = catalogue.describe(row)
        return ItemOut(
            id=item_id,
            title=catalogue.title(row),
            description=known.get("description"),
            attributes={name: _plain(known[name]) for name in catalogue.attributes},
        )

    @app.get("/v1/prompts", summary="The saved prompts")
    def prompts() -> PromptsOut:
        return PromptsOut(prompts=[PromptOut.model_validate(prompt) for prompt in recommender.prompts()])

    @app.get("/health", summary="Whether the service is ready")
    def health() -> HealthOut:
        return HealthOut(status="ok", items=len(catalogue))

    add_page(app, recommender, search)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
