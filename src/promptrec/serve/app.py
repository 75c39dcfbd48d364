"""The application: guard, routes, pages and OpenAPI over one engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp

from promptrec.serve.api.direct import Direct
from promptrec.serve.api.events import event_routes
from promptrec.serve.api.items import item_routes
from promptrec.serve.api.operations import operation_routes
from promptrec.serve.api.prompts import prompt_routes
from promptrec.serve.api.recommend import recommend_routes
from promptrec.serve.api.users import user_routes
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages import add_pages
from promptrec.serve.pages.login import add_login
from promptrec.serve.problems import RESPONSES, add_problems, failed
from promptrec.serve.schemas import Problem
from promptrec.serve.security.access import Access
from promptrec.serve.security.guard import Guard

STATIC = Path(__file__).parent / "static"
FAMILIES = (recommend_routes, event_routes, item_routes, prompt_routes, user_routes, operation_routes)


def create_app(engine: Engine, access: Access) -> ASGIApp:
    """The service over `engine`, for callers that `access` lets in.

    Guard and short way stand around FastAPI, not within: what it does before its own middleware takes longer than they.
    """
    return ServerErrorMiddleware(Guard(Direct(_declared(engine, access), engine), access), handler=failed)


def _declared(engine: Engine, access: Access) -> FastAPI:
    app = FastAPI(
        title="promptrec",
        description="Recommendations that words and saved prompts steer.",
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
    )
    add_problems(app)
    for family in FAMILIES:
        app.include_router(family(engine))
    add_pages(app, engine)
    if access.keys is not None:
        add_login(app, access.keys)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _complete_openapi(app, secured=access.keys is not None)
    return app


def _complete_openapi(app: FastAPI, secured: bool) -> None:
    """Add what FastAPI cannot know: the problem document that every error is, and the key."""
    document: dict[str, Any] = app.openapi()
    schemas = document["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    if secured:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
