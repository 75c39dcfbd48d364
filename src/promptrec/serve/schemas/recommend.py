"""Recommendations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from promptrec.serve.schemas.base import (
    MOST_HISTORY,
    MOST_IDS,
    MOST_K,
    MOST_NUMBER,
    MOST_ROWS,
    Given,
    Id,
    Number,
    PromptName,
    Share,
    Taken,
    Words,
)

Value = Id | Number | bool
AttributeName = Annotated[str, Field(min_length=1, max_length=100)]


class Filter(Taken):
    """What an attribute must be: eq a value, any, all or none of some, min and max of a number. All hold together."""

    eq: Value | None = None
    any: Annotated[list[Value], Field(max_length=1_000)] | None = None
    all: Annotated[list[Value], Field(max_length=1_000)] | None = None
    none: Annotated[list[Value], Field(max_length=1_000)] | None = None
    min: Number | None = None
    max: Number | None = None


class PromptShare(Taken):
    """One prompt of a mix; weights count relative to one another."""

    name: PromptName
    weight: Annotated[float, Field(gt=0, le=1_000, allow_inf_nan=False)] = 1.0


class RecommendIn(Taken):
    """A person known to the service or a history of item ids, oldest first; what steers; and what may be shown.

    image: base64 of a picture. profile: attributes of the person. request_weight: from 0, the history alone, to 1, the
    request alone. seen: whether items of the history are excluded or included, or for how many days they are excluded.
    diversity: 0 the best items, 1 the most varied list.
    """

    user_id: Id | None = None
    history: Annotated[list[Id], Field(max_length=MOST_HISTORY)] | None = None
    request: Words | None = None
    request_weight: Share = 0.5
    image: Annotated[str, Field(max_length=900_000, pattern=r"^[A-Za-z0-9+/=]+$")] | None = None
    profile: Annotated[dict[AttributeName, Value | list[Id]], Field(max_length=100, default_factory=dict)]
    prompt: PromptName | Annotated[list[PromptShare], Field(min_length=1, max_length=20)] | None = None
    k: Annotated[int, Field(ge=1, le=MOST_K)] = 10
    exclude: Annotated[list[Id], Field(max_length=MOST_IDS, default_factory=list)]
    allow: Annotated[list[Id], Field(max_length=MOST_IDS)] | None = None
    filters: Annotated[dict[AttributeName, Filter], Field(max_length=50, default_factory=dict)]
    diversity: Share = 0.0
    seen: Literal["exclude", "include"] | Annotated[float, Field(gt=0, le=MOST_NUMBER)] = "exclude"
    explain: bool = True

    @model_validator(mode="after")
    def _one_source(self) -> RecommendIn:
        if (self.user_id is None) == (self.history is None):
            raise ValueError("expected exactly one of user_id and history")
        return self


class RecommendedItem(Given):
    """score: the cosine of query and item; reasons: in plain words."""

    id: str
    title: str
    score: float
    reasons: list[str]


class RecommendOut(Given):
    """The best items, best first. ignored: ids of the history that the catalogue does not know. fallback: whether
    popular items answered because the model could not. notes: what the caller should know about this answer.
    """

    recommendation_id: str
    items: list[RecommendedItem]
    prompts: list[dict[str, Any]]
    request: str | None
    ignored: list[str]
    fallback: bool
    notes: list[str]


class BatchIn(Taken):
    """Up to 1,000 recommendations, each with its own prompt."""

    rows: Annotated[list[RecommendIn], Field(min_length=1, max_length=MOST_ROWS)]


class BatchOut(Given):
    """One answer a row, in their order."""

    rows: list[RecommendOut]
