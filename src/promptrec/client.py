"""A typed client of the service.

from promptrec.client import Client

with Client("http://127.0.0.1:8000", key="prk_…") as client:
    for item in client.recommend(user_id="ann", request="a light comedy", k=5).items:
        print(item.id, item.title, item.reasons)
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.schemas import (
    BatchIn,
    BatchOut,
    ErasedOut,
    EventIn,
    EventsIn,
    EventsOut,
    FoundItem,
    FoundOut,
    ItemIn,
    ItemOut,
    PromptIn,
    PromptOut,
    PromptsOut,
    ReadyOut,
    RecommendIn,
    RecommendOut,
    SimilarOut,
    UserOut,
)
from promptrec.serve.schemas.items import SimilarItem

M = TypeVar("M", bound=BaseModel)
BUSY = (429, 503)
LONGEST_WAIT = 30.0


class ServiceError(PromptrecError):
    """What the service refused or could not do; status: of its HTTP answer, 0 where it did not answer."""

    def __init__(self, status: int, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.field = field


class Client:
    """Calls of one service. A busy or absent service is asked again, `retries` times, after the wait it asks for.

    Every call raises ServiceError, or NotFoundError for what is not there.
    """

    def __init__(self, address: str, key: str | None = None, timeout: float = 10.0, retries: int = 3) -> None:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=address, headers=headers, timeout=timeout)
        self._retries = retries

    def recommend(
        self, user_id: str | None = None, history: Sequence[str] | None = None, **options: Any
    ) -> RecommendOut:
        """The best items for a person, or a history of item ids; options: the other fields of `RecommendIn`."""
        query = RecommendIn(user_id=user_id, history=None if history is None else list(history), **options)
        return self._call("POST", "/v1/recommend", RecommendOut, query)

    def recommend_batch(self, rows: Sequence[RecommendIn]) -> list[RecommendOut]:
        """Up to 1,000 recommendations, each with its own prompt, in the order of `rows`."""
        return self._call("POST", "/v1/recommend/batch", BatchOut, BatchIn(rows=list(rows))).rows

    def send_events(self, events: Sequence[EventIn]) -> EventsOut:
        """Store what people did. An event without an id is given one, so that sending it again stores it once."""
        named = [e if e.event_id else e.model_copy(update={"event_id": uuid.uuid4().hex}) for e in events]
        return self._call("POST", "/v1/events", EventsOut, EventsIn(events=named))

    def find_items(self, words: str | None = None, limit: int = 20, offset: int = 0) -> list[FoundItem]:
        """Items whose titles have the words; all items without."""
        query = {"limit": limit, "offset": offset} | ({} if words is None else {"q": words})
        return self._call("GET", "/v1/items", FoundOut, query=query).items

    def item(self, item_id: str) -> ItemOut:
        return self._call("GET", f"/v1/items/{_quoted(item_id)}", ItemOut)

    def similar_items(self, item_id: str, k: int = 10) -> list[SimilarItem]:
        return self._call("GET", f"/v1/items/{_quoted(item_id)}/similar", SimilarOut, query={"k": k}).items

    def put_item(self, item_id: str, item: ItemIn) -> ItemOut:
        """Add or change an item; it can be recommended at once."""
        return self._call("PUT", f"/v1/items/{_quoted(item_id)}", ItemOut, item)

    def delete_item(self, item_id: str) -> None:
        """Never show an item again."""
        self._send("DELETE", f"/v1/items/{_quoted(item_id)}")

    def prompts(self, name: str | None = None) -> list[PromptOut]:
        """The cards of all saved prompts, or of one name's versions."""
        path = "/v1/prompts" if name is None else f"/v1/prompts/{_quoted(name)}"
        return self._call("GET", path, PromptsOut).prompts

    def put_prompt(self, name: str, text: str, activate: bool = True) -> PromptOut:
        """Save words as the next version of a prompt."""
        return self._call("PUT", f"/v1/prompts/{_quoted(name)}", PromptOut, PromptIn(text=text, activate=activate))

    def activate_prompt(self, name: str, version: int) -> PromptOut:
        return self._call("POST", f"/v1/prompts/{_quoted(name)}/activate", PromptOut, {"version": version})

    def roll_back_prompt(self, name: str) -> PromptOut:
        """Let the name resolve to the version before the active one."""
        return self._call("POST", f"/v1/prompts/{_quoted(name)}/rollback", PromptOut)

    def user(self, user_id: str, cursor: int = 0, limit: int = 1_000) -> UserOut:
        """A person's live events after `cursor`."""
        query = {"cursor": cursor, "limit": limit}
        return self._call("GET", f"/v1/users/{_quoted(user_id)}", UserOut, query=query)

    def erase_user(self, user_id: str) -> ErasedOut:
        """Erase a person from store, caches and dataset."""
        return self._call("DELETE", f"/v1/users/{_quoted(user_id)}", ErasedOut)

    def ready(self) -> ReadyOut:
        return self._call("GET", "/ready", ReadyOut)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(
        self,
        method: str,
        path: str,
        answer: type[M],
        body: BaseModel | dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
    ) -> M:
        sent = body.model_dump(mode="json", exclude_unset=True) if isinstance(body, BaseModel) else body
        return answer.model_validate_json(self._send(method, path, sent, query).content)

    def _send(self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None) -> httpx.Response:
        for left in reversed(range(self._retries + 1)):
            try:
                response = self._http.request(method, path, json=body, params=query)
            except httpx.TransportError as error:
                if not left:
                    raise ServiceError(0, f"{self._http.base_url}: the service does not answer ({error})") from None
                time.sleep(0.1 * 2 ** (self._retries - left))
                continue
            if response.status_code not in BUSY or not left:
                break
            time.sleep(min(float(response.headers.get("retry-after", 1)), LONGEST_WAIT))
        if response.is_success:
            return response
        try:
            problem = response.json()
        except ValueError:
            problem = {"detail": f"{method} {path}: {response.status_code} {response.reason_phrase}"}
        if response.status_code == 404:
            raise NotFoundError(problem["detail"])
        raise ServiceError(response.status_code, problem["detail"], problem.get("field"))


def _quoted(id_: str) -> str:
    return quote(id_, safe="")
