"""What a service answers over a workspace in which nothing is trained: what to do next, until there is a release."""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from promptrec.errors import PromptrecError
from promptrec.serve.pages.rendering import render
from promptrec.serve.problems import problem
from promptrec.serve.security.access import Access
from promptrec.serve.security.guard import Guard
from promptrec.workspace import Workspace

log = logging.getLogger("promptrec.serve")
POLL = 1.0  # seconds


def is_trained(workspace: Workspace) -> bool:
    return (workspace.backbones / "current").exists()


class UntilTrained:
    """The ASGI application of a workspace without a model: it says what to do next, and hands over to the service that
    `make` gives as soon as a model is trained. A model that cannot be served is said on the page and tried again.
    """

    def __init__(self, workspace: Workspace, access: Access, make: Callable[[], ASGIApp]) -> None:
        self._workspace = workspace
        self._access = access
        self._make = make
        self._app: ASGIApp = untrained_app(workspace, access)
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="training", daemon=True)
        self._watcher.start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def close(self) -> None:
        self._stopping.set()
        self._watcher.join()

    def _watch(self) -> None:
        complaint = ""
        while not self._stopping.wait(POLL):
            if not is_trained(self._workspace):
                continue
            try:
                self._app = self._make()
                return
            except Exception as error:
                if str(error) != complaint:
                    complaint = str(error)
                    log.error("%s", error, exc_info=not isinstance(error, PromptrecError))
                    said = complaint if isinstance(error, PromptrecError) else "the trained model cannot be served"
                    self._app = untrained_app(self._workspace, self._access, said)


def untrained_app(workspace: Workspace, access: Access, fault: str = "") -> FastAPI:
    """Every address says that nothing is trained, with status 503: to people as a page with the next steps, to programs
    as a problem document. `/health` alone says that the process runs. fault: why a model that is there cannot answer.
    """
    detail = fault or f"{workspace.backbones}: no backbone is trained here; run `promptrec train`"
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, access=access)
    app.mount("/static", StaticFiles(directory=Path(__file__).parents[1] / "static"), name="static")

    @app.get("/health")
    def health() -> dict[str, str | int]:
        return {"status": "untrained", "items": 0}

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"], include_in_schema=False)
    def answer(http: Request) -> Response:
        if "text/html" in http.headers.get("accept", ""):
            imported = (workspace.dataset / "events.parquet").exists()
            where = f"-w {shlex.quote(str(workspace.root))}"
            return render(http, "untrained.html", 503, fault=fault, imported=imported, where=where)
        return problem(503, detail, headers={"Retry-After": "5"})

    return app
