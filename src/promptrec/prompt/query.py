"""Everything that is known when items are ranked for one person at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from promptrec.data.history import EMPTY, History
from promptrec.prompt.profile import generated
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

    def leaves(self) -> list[tuple[Prompt | None, float]]:
        """The prompts with tensors that steer this query, with weights that add up to one; no prompt is one of None.

        A profile prompt is applied to this person. Raises PromptrecError for a profile that it cannot read.
        """
        if self.prompt is None:
            return [(None, 1.0)]
        return [(self._own(leaf), weight) for leaf, weight in self.prompt.flat()]

    def _own(self, leaf: Prompt) -> Prompt:
        return generated(leaf, self.profile, len(self.history)) if leaf.kind == "profile" else leaf
