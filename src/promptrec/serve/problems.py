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

PROBLEM = "application/problem+json"
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in (400, 404, 422, 500)
}


def problem(status: int, detail: str, field: str | None = None) -> JSONResponse:
    """The response for one error."""
    document = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, field=field)
    return JSONResponse(document.model_dump(exclude_none=True), status, media_type=PROBLEM)


def add_problems(app: FastAPI) -> None:
    """Let `app` answer every error with a problem document."""

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:])
        if first["type"] == "json_invalid":
            return problem(400, f"the body is not valid JSON ({first.get('ctx', {}).get('error', first['msg'])})")
        message = first["msg"].removeprefix("Value error, ")
        return problem(422, f"{field}: {message}" if field else message, field or None)

    @app.exception_handler(NotFoundError)
    def absent(_: Request, error: NotFoundError) -> JSONResponse:
        return problem(404, str(error))

    @app.exception_handler(PromptrecError)
    def wrong(_: Request, error: PromptrecError) -> JSONResponse:
        return problem(422, str(error))

    @app.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        response = problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def failed(_: Request, __: Exception) -> JSONResponse:
        return problem(500, "something went wrong inside the service; its log has the details")
