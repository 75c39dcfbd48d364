"""POST /v1/recommend and /v1/recommend/batch."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from pydantic_core import to_json

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.engine.engine import Engine
from promptrec.serve.schemas import BatchIn, BatchOut, RecommendIn, RecommendOut


def recommend_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["recommend"])

    @routes.post("/recommend", summary="Recommend items for a person or a history", response_model=RecommendOut)
    async def recommend(query: RecommendIn) -> Response:
        return answer(await engine.show(query))

    @routes.post("/recommend/batch", summary="Up to 1,000 recommendations at once", response_model=BatchOut)
    async def batch(body: BatchIn) -> Response:
        async def one(position: int, query: RecommendIn) -> dict[str, Any]:
            try:
                return await engine.show(query, bulk=True)
            except PromptrecError as error:
                kind = NotFoundError if isinstance(error, NotFoundError) else PromptrecError
                raise kind(f"rows.{position}: {error}") from None

        return answer({"rows": await asyncio.gather(*(one(n, query) for n, query in enumerate(body.rows)))})

    return routes


def answer(document: dict[str, Any]) -> Response:
    """A document that is known to be what was declared, without checking it again."""
    return Response(to_json(document), media_type="application/json")
