"""The page on which a person enters a key, and the session that it begins."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response

from promptrec.serve.pages.rendering import form_of, go, render
from promptrec.serve.security.access import SESSION, start_session
from promptrec.serve.security.keys import KeyRing


def add_login(app: FastAPI, keys: KeyRing) -> None:
    """Add /login and /logout to `app`."""

    @app.get("/login", include_in_schema=False)
    def ask(http: Request) -> HTMLResponse:
        return render(http, "login.html", refused=False)

    @app.post("/login", include_in_schema=False)
    async def enter(http: Request) -> Response:
        token = (await form_of(http)).get("key", "")
        cookie = start_session(keys, token, http.url.scheme == "https")
        if cookie is None:
            return render(http, "login.html", 403, refused=True)
        entered = go("/")
        entered.headers["set-cookie"] = cookie
        return entered

    @app.post("/logout", include_in_schema=False)
    def leave() -> Response:
        left = go("/login")
        left.headers["set-cookie"] = f"{SESSION}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict"
        return left
