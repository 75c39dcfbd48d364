"""Everything that is known when items are ranked for one person at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptrec.data.history import EMPTY, History
from promptrec.prompt.prompt import Prompt


@dataclass(frozen=True)
class Query:
    """history: what the person did, oldest first; profile: attributes of the person; now: epoch seconds of the request;
    request: the person's words; prompt: what steers the model (also a mix), its words already turned into vectors.
    """

    history: History = EMPTY
    profile: Mapping[str, Any] = field(default_factory=dict)
    now: float | None = None
    request: str | None = None
    prompt: Prompt | None = None
