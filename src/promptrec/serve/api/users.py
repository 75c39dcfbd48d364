"""GET and DELETE /v1/users/{id}."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query

from promptrec.serve.engine.engine import Engine
from promptrec.serve.engine.erasure import erase
from promptrec.serve.schemas import ErasedOut, UserEvent, UserOut
from promptrec.serve.schemas.base import NO_CONTROLS

UserId = Annotated[str, Path(min_length=1, max_length=200, pattern=NO_CONTROLS)]


def user_routes(engine: Engine) -> APIRouter:
    routes = APIRouter(prefix="/v1/users", tags=["users"])

    @routes.get("/{user_id:path}", summary="What is kept of a person")
    def user(
        user_id: UserId,
        cursor: Annotated[int, Query(ge=0, le=2**62)] = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> UserOut:
        found = engine.store.since(cursor, limit, user_id)
        return UserOut(
            events=[UserEvent(**asdict(event)) for _, event in found],
            cursor=found[-1][0] if found else cursor,
            dataset_events=len(engine.current.recommender.history_of(user_id)),
        )

    @routes.delete("/{user_id:path}", summary="Erase a person from store, caches and dataset")
    def delete(user_id: UserId) -> ErasedOut:
        return erase(engine, user_id)

    return routes
