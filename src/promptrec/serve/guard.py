"""What stands before every request: loopback names only, small bodies, strict headers."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptrec.serve.problems import problem

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MOST_BODY = 1_000_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class Guard:
    """ASGI middleware that refuses other hosts (against DNS rebinding) and large bodies, and adds `HEADERS`."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        name = host[: host.rfind("]") + 1] or host.partition(":")[0]
        length = headers.get("content-length", "0")
        answer: ASGIApp = self.app
        if name.lower() not in LOOPBACK:
            answer = problem(421, f"host {name!r}: this service answers on {', '.join(LOOPBACK)} only")
        elif "transfer-encoding" in headers:
            answer = problem(411, "send the body with a Content-Length")
        elif not length.isdigit() or int(length) > MOST_BODY:
            answer = problem(413, f"the body has {length} bytes, at most {MOST_BODY:,} are taken")
        await answer(scope, receive, send_guarded)
