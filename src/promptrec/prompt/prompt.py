"""The prompt: an immutable value that changes what a frozen backbone recommends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from promptrec.errors import PromptrecError

LOUDEST = 1e4
Kind = Literal["text", "soft", "profile", "mix", "reranker"]


@dataclass(frozen=True)
class PromptShape:
    """What a backbone takes: a prefix of keys and values (layers, 2, tokens, width), a query shift (shift,), and a gate
    (gate,). Sizes of 0 are what it does not take.
    """

    layers: int
    tokens: int
    width: int
    shift: int
    gate: int = 0

    @property
    def method(self) -> str:
        """How a prompt is tuned unless said otherwise."""
        return "prefix" if self.layers else "input" if self.tokens else "shift"


@dataclass(frozen=True)
class Prompt:
    """Words and the vectors made of them, for one backbone.

    tensors: `prefix` (layers, 2, tokens, width): keys and values that stand before the history at the last layers;
        `shift` (d,): added to the query; `gate` (width,): what each number of the query is multiplied with, less one.
        `input` (tokens, width): vectors before the words that a language model reads; `words` (t,): the tokens of a
        sentence for it; `weight`: of a request against the history. Each may be missing.
        A low-rank prompt has `left` (layers * 2 * tokens, r) and `right` (r, width) instead of a prefix: their product
        is added to the prefix of its base, the one part that many prompts share. A profile prompt has, besides these,
        the weights of its generator (`prompt/profile.py`).
    backbone, request_encoder: the fingerprints that the tensors depend on. A reranker's `input` stands before the words
        of a decoder, which its card names; `backbone` makes the lists that it orders anew.
    recipe: what is needed to make the prompt again; card: what it was tuned on and what it scored.
    parts: of a mix, the prompts and their weights. A mix has no tensors of its own:
        Q = normalise(sum of weight * Q(history, part)).
    """

    name: str
    kind: Kind
    words: str
    backbone: str
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    version: int = 0
    request_encoder: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    parts: tuple[tuple[Prompt, float], ...] = field(default=())

    def flat(self) -> list[tuple[Prompt, float]]:
        """The prompts with tensors of which this one consists, with weights that add up to one."""
        if self.kind == "mix":
            return [(leaf, weight * share) for part, weight in self.parts for leaf, share in part.flat()]
        if "left" in self.tensors:
            return [(replace(self, tensors=_composed(self), parts=()), 1.0)]
        return [(self, 1.0)]


def _composed(prompt: Prompt) -> dict[str, torch.Tensor]:
    """The tensors of a low-rank prompt as a backbone takes them."""
    base = prompt.parts[0][0].tensors["prefix"]
    update = (prompt.tensors["left"] @ prompt.tensors["right"]).view(base.shape)
    rest = {name: tensor for name, tensor in prompt.tensors.items() if name not in ("left", "right")}
    return {**rest, "prefix": base + update}


def mix(parts: list[tuple[Prompt, float]], name: str = "mix") -> Prompt:
    """A weighted mix of prompts, itself a prompt. Weights are scaled to add up to one.

    Raises PromptrecError for no parts, a negative weight, weights that are all zero, or parts of several backbones.
    """
    total = sum(weight for _, weight in parts)
    if not parts or not 0 < total < float("inf") or any(weight < 0 for _, weight in parts):
        given = ", ".join(f"{part.name}={weight:g}" for part, weight in parts) or "nothing"
        raise PromptrecError(f"prompt {name!r}: a mix needs weights of at least 0 and one above, found {given}")
    backbones = {part.backbone for part, _ in parts}
    if len(backbones) > 1:
        raise PromptrecError(f"prompt {name!r}: the parts of a mix belong to {len(backbones)} backbones, expected one")
    return Prompt(
        name=name,
        kind="mix",
        words=" + ".join(part.words for part, _ in parts),
        backbone=backbones.pop(),
        parts=tuple((part, weight / total) for part, weight in parts),
    )


def louder(prompt: Prompt, weight: float) -> Prompt:
    """A text prompt that counts `weight` (above 0, up to 1) against the history's 1 - weight; 0.5 is as it was made."""
    if "words" in prompt.tensors:
        return replace(prompt, tensors={**prompt.tensors, "weight": torch.tensor(weight)}) if weight != 0.5 else prompt
    times = min(weight / max(1 - weight, 1e-9), LOUDEST)
    if times == 1:
        return prompt
    tensors = {name: times * tensor if name == "shift" else tensor for name, tensor in prompt.tensors.items()}
    return replace(prompt, tensors=tensors)
