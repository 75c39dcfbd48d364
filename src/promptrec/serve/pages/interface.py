"""`/docs`: the HTTP interface as a list."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from promptrec.serve.pages.rendering import render


def add_interface(app: FastAPI) -> None:
    """Add the list of endpoints to `app`."""

    @app.get("/docs", include_in_schema=False)
    def docs(http: Request) -> HTMLResponse:
        endpoints = [
            (method.upper(), path, operation.get("summary", ""), operation.get("description", ""))
            for path, methods in app.openapi()["paths"].items()
            for method, operation in methods.items()
        ]
        return render(http, "docs.html", endpoints=endpoints)
