"""Routes of pages: what goes wrong is said on a page, too."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.pages.problems import problem_in_words
from promptrec.serve.pages.rendering import render, words_of
from promptrec.serve.store import StoreUnavailableError

log = logging.getLogger("promptrec.serve")


class PageRoute(APIRoute):
    """Answers a person's browser with a page where a program, or a part of a page, gets a problem document."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(http: Request) -> Response:
            try:
                return await handler(http)
            except Exception as error:
                if "text/html" not in http.headers.get("accept", "") or "hx-request" in http.headers:
                    raise
                status, detail = _what(error)
                if status == 500:
                    log.exception("a page failed")
                words = words_of(http)
                return render(http, "failed.html", status, detail=problem_in_words(detail, words), failed=status)

        return handle


def page_router() -> APIRouter:
    return APIRouter(route_class=PageRoute)


def _what(error: Exception) -> tuple[int, str]:
    """The status and, in the project's own words or none, what went wrong."""
    if isinstance(error, NotFoundError):
        return 404, str(error)
    if isinstance(error, StoreUnavailableError):
        return 503, str(error)
    if isinstance(error, PromptrecError):
        return 422, str(error)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return 422, f"{first['loc'][-1]}: {first['msg']}"
    return 500, ""
