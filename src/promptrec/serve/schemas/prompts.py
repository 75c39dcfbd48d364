"""Saved prompts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from promptrec.serve.schemas.base import Given, Taken, Words


class PromptIn(Taken):
    """Words that become the next version of a prompt; activate: let its name resolve to it at once."""

    text: Words
    activate: bool = True


class ActivateIn(Taken):
    version: Annotated[int, Field(ge=1, le=1_000_000_000)]


class PromptOut(Given):
    """The card of one saved version; active: whether its name resolves to it."""

    name: str
    version: int
    kind: str
    words: str
    active: bool


class PromptsOut(Given):
    prompts: list[PromptOut]
