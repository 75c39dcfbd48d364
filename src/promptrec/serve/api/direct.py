"""The shortest way to the answer of the call that is made most.

FastAPI's routing, dependencies and second parse of the body take longer than ranking does. `POST /v1/recommend` stays
declared there (`recommend.py`); here its good calls are answered before they reach it. Whatever cannot be answered goes
on to the declared route, which says what is wrong, as if this were not there.
"""

from __future__ import annotations

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from promptrec.serve.engine.engine import Engine
from promptrec.serve.schemas import RecommendIn

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
        found = await self._answer(message)
        if found is None:
            await self.app(scope, _again(message, receive), send)
            return
        headers = [(b"content-length", b"%d" % len(found)), JSON]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found})

    async def _answer(self, message: Message) -> bytes | None:
        if message["type"] != "http.request" or message.get("more_body", False):
            return None
        try:
            document = await self.engine.recommend(RecommendIn.model_validate_json(message["body"]))
        except Exception:  # the declared route meets it again and turns it into a problem document
            return None
        self.engine.shown.add(document["recommendation_id"])
        return to_json(document)


def _again(message: Message, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return message

    return replay
