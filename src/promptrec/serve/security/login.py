"""The page on which a person enters a key, and the session that it begins."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from promptrec.serve.security.access import SESSION, start_session
from promptrec.serve.security.keys import KeyRing

_templates = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined)


def add_login(app: FastAPI, keys: KeyRing) -> None:
    """Add /login and /logout to `app`."""

    @app.get("/login", include_in_schema=False)
    def ask() -> HTMLResponse:
        return _page()

    @app.post("/login", include_in_schema=False)
    async def enter(request: Request) -> Response:
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        cookie = start_session(keys, form.get("key", [""])[0].strip(), request.url.scheme == "https")
        if cookie is None:
            return _page("This key is not known, or may not read.", 403)
        return RedirectResponse("/", 303, {"Set-Cookie": cookie})

    @app.post("/logout", include_in_schema=False)
    def leave() -> Response:
        return RedirectResponse(
            "/login", 303, {"Set-Cookie": f"{SESSION}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"}
        )


def _page(problem: str = "", status: int = 200) -> HTMLResponse:
    return HTMLResponse(_templates.get_template("login.html").render(problem=problem), status)
