"""Every error as a problem document (RFC 9457), never a stack trace."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.schemas import Problem
from promptrec.serve.store import StoreUnavailableError

PROBLEM = "application/problem+json"
RETRY = {"Retry-After": "1"}
REFUSED = (PromptrecError, StoreUnavailableError)
STATUSES = (400, 401, 403, 404, 408, 413, 421, 422, 429, 500, 503)
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": HTTPStatus(status).phrase,
        "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in STATUSES
}


def problem(status: int, detail: str, field: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response for one error."""
    # A lone surrogate of the caller's, repeated in the message, is no UTF-8.
    document = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=_utf8(detail), field=field and _utf8(field)
    )
    return JSONResponse(document.model_dump(exclude_none=True), status, headers=headers, media_type=PROBLEM)


def refusal(error: Exception) -> JSONResponse:
    """The response for a call that the service understood and cannot answer, one of `REFUSED`."""
    if isinstance(error, StoreUnavailableError):
        return problem(503, f"{error}; nothing was stored, send it again", headers=RETRY)
    return problem(404 if isinstance(error, NotFoundError) else 422, str(error))


def add_problems(app: FastAPI) -> None:
    """Let `app` answer every error with a problem document."""

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])[:200]
        if first["type"] == "json_invalid":
            return problem(400, f"the body is not valid JSON ({first.get('ctx', {}).get('error', first['msg'])})")
        message = " ".join(first["msg"].removeprefix("Value error, ").split())[:500]
        return problem(422, f"{field}: {message}" if field else message, field or None)

    for kind in REFUSED:
        app.add_exception_handler(kind, lambda _, error: refusal(error))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        return problem(
            error.status_code, f"{request.method} {request.url.path}: {error.detail}", headers=dict(error.headers or {})
        )

    app.add_exception_handler(Exception, failed)


def failed(_: Request, __: Exception) -> JSONResponse:
    """The response for a fault of the service itself."""
    return problem(500, "something went wrong inside the service; its log has the details")


def _utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
