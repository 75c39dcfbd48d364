"""The shortest way to the answer of the call that is made most.

FastAPI's routing, dependencies and second parse of the body take longer than ranking does. `POST /v1/recommend` stays
declared there (`recommend.py`); here its calls are answered before they reach it. A body that is not what was declared
goes on to the declared route, which says what is wrong, as if this were not there.
"""

from __future__ import annotations

from pydantic_core import ValidationError, to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptrec.serve.engine.engine import Engine
from promptrec.serve.problems import REFUSED, refusal
from promptrec.serve.schemas import RecommendIn
from promptrec.serve.security.guard import again

PATH = "/v1/recommend"
JSON = (b"content-type", b"application/json")


class Direct:
    """ASGI middleware, to stand behind the guard, which has read the whole body."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self.app = app
        self.engine = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = scope["type"] == "http" and scope["path"] == PATH and scope["method"] == "POST"
        if not called or JSON not in scope["headers"]:
            await self.app(scope, receive, send)
            return
        message = await receive()
        query = _query(message)
        if query is None:
            await self.app(scope, again(message, receive), send)
            return
        try:
            found = to_json(await self.engine.show(query))
        except REFUSED as error:
            await refusal(error)(scope, receive, send)
            return
        headers = [(b"content-length", b"%d" % len(found)), JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})


def _query(message: Message) -> RecommendIn | None:
    """What is asked, None where the body is not what was declared."""
    if message["type"] != "http.request" or message.get("more_body", False):
        return None
    try:
        return RecommendIn.model_validate_json(message["body"])
    except ValidationError:
        return None
