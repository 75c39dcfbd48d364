"""The live catalogue."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from promptrec.serve.schemas.base import NO_CONTROLS, NO_CONTROLS_BUT_LINES, Given, Id, Number, Taken

Text = Annotated[str, Field(max_length=10_000, pattern=NO_CONTROLS_BUT_LINES)]
Attribute = Id | Number | bool | Annotated[list[Id], Field(max_length=1_000)] | None


class ItemIn(Taken):
    """An item as it shall be; attributes: those that the catalogue has, each of its kind."""

    title: Annotated[str, Field(min_length=1, max_length=1_000, pattern=NO_CONTROLS)]
    description: Text | None = None
    attributes: Annotated[dict[str, Attribute], Field(max_length=200, default_factory=dict)]


class ItemOut(Given):
    """Everything known about one item."""

    id: str
    title: str
    description: str | None
    attributes: dict[str, Any]


class FoundItem(Given):
    id: str
    title: str


class FoundOut(Given):
    items: list[FoundItem]


class SimilarItem(Given):
    id: str
    title: str
    score: float


class SimilarOut(Given):
    """The nearest items by the cosine of their vectors, nearest first."""

    items: list[SimilarItem]
