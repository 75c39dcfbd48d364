"""What the service takes and gives, declared."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MOST_REQUEST = 2_000
MOST_HISTORY = 1_000
MOST_K = 100


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: say in words what is wanted, or leave it out")
    return text


Id = Annotated[str, Field(min_length=1, max_length=200)]
Request = Annotated[str, Field(max_length=MOST_REQUEST), AfterValidator(_not_blank)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Given(BaseModel):
    model_config = ConfigDict(extra="allow")


class RecommendIn(_Taken):
    """A person known to the service or a history of item ids, oldest first; and what steers."""

    user_id: Id | None = None
    history: Annotated[list[Id], Field(max_length=MOST_HISTORY)] | None = None
    request: Request | None = None
    prompt: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    k: Annotated[int, Field(ge=1, le=MOST_K)] = 10

    @model_validator(mode="after")
    def _one_source(self) -> RecommendIn:
        if (self.user_id is None) == (self.history is None):
            raise ValueError("expected exactly one of user_id and history")
        return self


class RecommendedItem(_Given):
    id: str
    title: str
    score: float
    reasons: list[str]


class RecommendOut(_Given):
    """The best items, best first: what `promptrec recommend --json` prints."""

    items: list[RecommendedItem]
    prompts: list[dict[str, Any]]
    request: str | None
    ignored: list[str]
    fallback: bool


class EventIn(_Taken):
    """One thing a person did; time: epoch seconds, now where it is left out."""

    user_id: Id
    item_id: Id
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    value: Number | None = None
    time: Annotated[Number, Field(ge=0, le=1e11)] | None = None


class EventsIn(_Taken):
    events: Annotated[list[EventIn], Field(min_length=1, max_length=1_000)]


class EventsOut(_Given):
    accepted: int


class ItemOut(_Given):
    """Everything known about one item."""

    id: str
    title: str
    description: str | None
    attributes: dict[str, Any]


class FoundItem(_Given):
    id: str
    title: str


class FoundOut(_Given):
    items: list[FoundItem]


class PromptOut(_Given):
    """One saved version of a prompt; active: whether its name resolves to it."""

    name: str
    version: int
    kind: str
    words: str
    active: bool


class PromptsOut(_Given):
    prompts: list[PromptOut]


class HealthOut(_Given):
    status: str
    items: int


class Problem(_Given):
    """RFC 9457; field: where in the request the error lies, for errors of validation."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    field: str | None = None
