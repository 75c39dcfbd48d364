"""Bounds and kinds that several calls share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MOST_REQUEST = 2_000
MOST_HISTORY = 1_000
MOST_K = 100
MOST_ROWS = 1_000
MOST_IDS = 10_000
MOST_NUMBER = 1e15
NO_CONTROLS = r"^[^\x00-\x1f\x7f]+$"
NO_CONTROLS_BUT_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: say in words what is wanted, or leave it out")
    return text


Id = Annotated[str, Field(min_length=1, max_length=200, pattern=NO_CONTROLS)]
Words = Annotated[
    str, Field(min_length=1, max_length=MOST_REQUEST, pattern=NO_CONTROLS_BUT_LINES), AfterValidator(_not_blank)
]
PromptName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Number = Annotated[float, Field(ge=-MOST_NUMBER, le=MOST_NUMBER, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Taken(BaseModel):
    """What callers send: a field that is not declared is an error, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", cache_strings="keys")


class Given(BaseModel):
    """What the service answers; newer services may give more."""

    model_config = ConfigDict(extra="allow")


class Problem(Given):
    """RFC 9457; field: where in the request the error lies, for errors of validation."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    field: str | None = None
