"""What stands before every request: who calls, how large the body is; and the headers of every answer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptrec.serve.metrics import REQUESTS
from promptrec.serve.problems import problem
from promptrec.serve.security.access import Access, RefusedError

MOST_BODY = 1_000_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
_counter = cache(REQUESTS.labels)


class Guard:
    """ASGI middleware. There is no CORS: no answer allows another origin's page to read it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method = scope["method"]

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _counter(method if method in METHODS else "other", message["status"]).inc()
                message["headers"] = [*message.get("headers", ()), *_RAW_HEADERS]
            await send(message)

        # Of a header that is sent twice the first counts, as everywhere in Starlette.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
        try:
            self.access.check(scope, headers)
            body = await _body(headers, receive)
        except RefusedError as error:
            answer = problem(error.status, str(error), headers=error.headers)
            # The body of a refused call is not read, so the connection cannot go on.
            MutableHeaders(raw=answer.raw_headers)["Connection"] = "close"
            await answer(scope, receive, send_guarded)
            return
        whole: Message = {"type": "http.request", "body": body, "more_body": False}
        await self.app(scope, again(whole, receive), send_guarded)


async def _body(headers: Mapping[str, str], receive: Receive) -> bytes:
    """The whole body, within the bound of its size; how long it may take is the connection's affair."""
    length = headers.get("content-length")
    if length is None and "transfer-encoding" not in headers:
        return b""
    if length is not None and (not length.isascii() or not length.isdigit() or int(length[:20]) > MOST_BODY):
        raise RefusedError(413, f"the body has {length[:20]} bytes, at most {MOST_BODY:,} are taken")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the connection ended within the body")
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BODY:
            raise RefusedError(413, f"the body has more than {MOST_BODY:,} bytes")
        if not message.get("more_body", False):
            return body


def again(message: Message, receive: Receive) -> Receive:
    """`receive` with a message before it that was taken from it already."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return message

    return replay
