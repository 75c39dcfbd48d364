"""/health, /ready and /metrics."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from promptrec.serve.engine.engine import Engine
from promptrec.serve.metrics import exposition
from promptrec.serve.schemas import HealthOut, ReadyOut


def operation_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/health", summary="Whether the process runs")
    async def health() -> HealthOut:
        release = engine.current
        return HealthOut(status="ok", items=len(release.recommender.catalogue) - len(release.deleted))

    @routes.get("/ready", summary="Whether calls can be answered: a tested release and an event store that answers")
    def ready() -> ReadyOut:
        engine.store.item_changes(engine.current.last_change)
        return ReadyOut(status="ready", release=engine.current.label)

    @routes.get("/metrics", summary="Counters for Prometheus", response_class=PlainTextResponse)
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(exposition(), media_type=CONTENT_TYPE_LATEST)

    return routes
