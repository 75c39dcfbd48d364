"""Profile prompts: from a person's attributes and number of events to a prompt, for people with few events.

    x = attributes and number of events;  shift = base shift + gelu(x W + b) V;  the prefix is the same for everybody

An attribute that is missing leaves its part of x at zero, so that with none of them the shared cold prompt remains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt

GENERATOR = ("profile.weight", "profile.bias", "profile.out")
FARTHEST = 3.0


def features(schema: Mapping[str, Any], profile: Mapping[str, Any], events: int) -> torch.Tensor:
    """x (f,): for each attribute its words as one-hot, or 1, z and z^2 of a number; then the number of events, one-hot.

    schema: {"attributes": {name: {"words": [...]} or {"mean": float, "deviation": float}}, "below": most events + 1}.
    An unknown word counts as missing. Raises PromptrecError for an unknown attribute or a number that is none.
    """
    attributes = schema["attributes"]
    for name in profile:
        if name not in attributes:
            raise PromptrecError(f"profile: the attribute {name!r} is unknown; known are {', '.join(attributes)}")
    parts = [_attribute(name, known, profile.get(name)) for name, known in attributes.items()]
    counted = [float(events == n) for n in range(int(schema["below"]))]
    return torch.tensor([*(number for part in parts for number in part), *counted])


def block_sizes(schema: Mapping[str, Any]) -> list[int]:
    """How many numbers of x each attribute has, and at the end the number of events."""
    attributes = schema["attributes"].values()
    return [*(len(known["words"]) if "words" in known else 3 for known in attributes), int(schema["below"])]


def _attribute(name: str, known: Mapping[str, Any], value: Any) -> list[float]:
    missing = value is None or value == ""
    if "words" in known:
        return [float(not missing and str(value) == word) for word in known["words"]]
    if missing:
        return [0.0, 0.0, 0.0]
    try:
        z = (float(value) - known["mean"]) / known["deviation"]
    except (TypeError, ValueError):
        raise PromptrecError(f"profile: {name} must be a number, found {value!r}") from None
    if z != z:
        return [0.0, 0.0, 0.0]
    z = max(-FARTHEST, min(FARTHEST, z))
    return [1.0, z, z * z - 1]


def shifts(tensors: Mapping[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """(b, d) what the generator adds to the shared shift for x (b, f)."""
    weight, bias, out = (tensors[name] for name in GENERATOR)
    return F.gelu(x @ weight + bias) @ out


def generated(prompt: Prompt, profile: Mapping[str, Any], events: int) -> Prompt:
    """The prompt for one person: a profile prompt's generator, applied."""
    x = features(prompt.card["profile"], profile, events)
    shared = {name: tensor for name, tensor in prompt.tensors.items() if name not in GENERATOR}
    return replace(prompt, tensors={**shared, "shift": shared["shift"] + shifts(prompt.tensors, x[None])[0]})
