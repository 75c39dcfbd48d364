"""What a service answers over a workspace in which nothing is trained: what to do next."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles

from promptrec.serve.pages.rendering import render
from promptrec.serve.problems import problem
from promptrec.serve.security.access import Access
from promptrec.serve.security.guard import Guard


def untrained_app(detail: str, access: Access) -> FastAPI:
    """Every address says `detail`, with status 503: to people as a page with the next steps, to programs as a problem
    document.
    """
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, access=access)
    app.mount("/static", StaticFiles(directory=Path(__file__).parents[1] / "static"), name="static")

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False)
    def answer(http: Request) -> Response:
        if "text/html" in http.headers.get("accept", ""):
            return render(http, "untrained.html", 503, detail=detail)
        return problem(503, detail)

    return app
