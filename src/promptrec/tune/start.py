"""Where tuning begins: at words, items, another prompt or random numbers; and which tensors a method changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from promptrec.backbone.interface import Backbone, Pace
from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.sequence import device
from promptrec.data.catalogue import Catalogue
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.seeding import torch_generator

Method = Literal["directions", "shift", "input", "prefix", "last-prefix", "low-rank"]
METHODS: tuple[Method, ...] = ("directions", "shift", "input", "prefix", "last-prefix", "low-rank")
INITIAL = ("TEXT", "SAMPLE_VOCAB", "RANDOM")
SHIFTING = ("directions", "shift")  # what every backbone takes
RANK = 2
NOISE = 0.02
AT_LAST = Pace(steps=200, batch=64, rate=2e-2)  # as good on validation as 300 steps at half the rate
MANY = 5_000  # examples, in which there is more to be found than by so few steps
AT_LAST_OF_MANY = Pace(steps=1_200, batch=256, check_every=40, chooses=1_000, patience=400, averaged=0.99)
MOVING = ("shift", "gate", "along")
ADDED = ("shift", "gate")

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Start:
    """prompt: what tuning begins at; saved: the prompt of the library that it is, if it is one; inputs: input vectors
    (t, width) that stand for items, where it begins at some.
    """

    prompt: Prompt
    saved: Prompt | None = None
    inputs: torch.Tensor | None = None


def start_of(
    recommender: Recommender,
    name: str,
    text: str | None,
    items: Sequence[str],
    start: str | None,
    init: str | None = None,
    seed: int = 0,
) -> Start:
    """At most one of words, item ids and the name of a saved prompt; with none of them the start says nothing.

    init: how the input vectors of a language model begin, in PEFT's names: TEXT (the words), SAMPLE_VOCAB (words drawn
    from the vocabulary) or RANDOM (numbers of their spread); None is TEXT where there are words, else SAMPLE_VOCAB.
    Raises PromptrecError for several, a prompt that is a mix or profile or another backbone's, or unknown items.
    """
    given = [what for what, there in (("--text", text), ("--items", items), ("--start", start)) if there]
    if len(given) > 1:
        raise PromptrecError(f"tuning starts at one of words, items and a prompt, found {' and '.join(given)}")
    backbone = recommender.backbone
    silent = Prompt(name, "soft", "", backbone.fingerprint, {"shift": torch.zeros(backbone.prompt_shape.shift)})
    if init is not None or (isinstance(backbone, LanguageBackbone) and not items and not start):
        return _at_words(backbone, silent, text, init, seed)
    if text:
        return Start(replace(recommender.requests.prompt(text, name), kind="soft"))
    if start:
        saved = _saved(recommender, start)
        return Start(replace(saved.flat()[0][0], name=name, kind="soft"), saved)
    return _at_items(recommender.catalogue, backbone, silent, items) if items else Start(silent)


def _at_words(backbone: Backbone, silent: Prompt, text: str | None, init: str | None, seed: int) -> Start:
    if not isinstance(backbone, LanguageBackbone):
        raise PromptrecError(f"--init: it is for the language backbone, this one is {backbone.name}; leave it out")
    if init not in (None, *INITIAL):
        raise PromptrecError(f"--init: expected one of {', '.join(INITIAL)}, found {init!r}")
    if init == "TEXT" and not text:
        raise PromptrecError("--init TEXT: it begins at words; give them by --text")
    if text and init in (None, "TEXT"):
        return Start(replace(silent, words=text), inputs=backbone.word_vectors(text))
    drawn = backbone.drawn_vectors(init or "SAMPLE_VOCAB", torch_generator(seed, f"start {silent.name}"))
    return Start(replace(silent, words=text or ""), inputs=drawn)


def _saved(recommender: Recommender, name: str) -> Prompt:
    saved = recommender.library.load(name)
    if saved.kind in ("mix", "profile"):
        raise PromptrecError(f"--start {name}: tuning cannot begin at a {saved.kind} prompt; name a soft or text one")
    recommender.backbone.check(saved)
    return saved


def _at_items(catalogue: Catalogue, backbone: Backbone, silent: Prompt, items: Sequence[str]) -> Start:
    rows = catalogue.rows(items)
    if (rows < 0).any():
        raise PromptrecError(f"--items: item {items[int((rows < 0).argmax())]!r} is not in the catalogue")
    centre = backbone.encode_items(rows).mean(dim=0).cpu()
    titles = ", ".join(catalogue.title(int(row)) for row in rows)
    tokens = backbone.prompt_shape.tokens
    inputs = backbone.input_vectors(rows[:tokens]) if tokens else None
    return Start(replace(silent, words=f"something like {titles}", tensors={"shift": centre}), inputs=inputs)


class Tunable:
    """The tensors that a method changes, as leaves of the gradient, and the prompt's tensors that they amount to."""

    def __init__(
        self, backbone: Backbone, start: Start, method: str, seed: int, along: torch.Tensor | None = None
    ) -> None:
        """along: (m, shift) the directions that the method of that name moves in."""
        if method not in METHODS:
            raise PromptrecError(f"--method: expected one of {', '.join(METHODS)}, found {method!r}")
        shape, prompt = backbone.prompt_shape, start.prompt
        if method not in SHIFTING and not (shape.tokens if method == "input" else shape.layers):
            raise PromptrecError(
                f"--method {method}: the {backbone.name} backbone takes no prefix; use --method {shape.method}"
            )
        self.backbone, self.method, self.start = backbone, method, prompt
        self.shared: Prompt | None = None
        fixed = dict(prompt.tensors)
        sizes = {"shift": shape.shift, "gate": shape.gate}
        leaves = {part: fixed.pop(part, torch.zeros(size)) for part, size in sizes.items() if size}
        noise = torch_generator(seed, f"start {prompt.name}")
        self.along = torch.empty(0) if along is None else along.to(device())
        if method == "directions":
            fixed["shift"] = leaves.pop("shift")
            leaves["along"] = torch.zeros(len(self.along))
        elif method == "input":
            fixed.pop("prefix", None)
            drawn = NOISE * torch.randn(shape.tokens, shape.width, generator=noise)
            leaves["input"] = fixed.pop("input", drawn if start.inputs is None else start.inputs)
        elif method == "prefix":
            drawn = NOISE * torch.randn(shape.layers, 2, shape.tokens, shape.width, generator=noise)
            at_items = None if start.inputs is None else backbone.input_tensors(start.inputs)["prefix"]
            leaves["prefix"] = fixed.pop("prefix", drawn if at_items is None else at_items)
        elif method == "last-prefix":
            fixed["shift"] = leaves.pop("shift")  # moved together with it, less is learnt
            drawn = NOISE * torch.randn(1, 2, shape.tokens, shape.width, generator=noise)
            leaves["prefix"] = fixed.pop("prefix", drawn)
            if (layers := len(leaves["prefix"])) > 1:
                raise PromptrecError(
                    f"--method last-prefix: the prefix of prompt {prompt.name!r} enters {layers} layers; go on with "
                    "--method prefix"
                )
        elif method == "low-rank":
            if start.saved is None or "prefix" not in fixed:
                raise PromptrecError(
                    "--method low-rank: it updates the prefix of a saved prompt that many share; name one tuned with "
                    "--method prefix by --start"
                )
            old = start.saved.tensors
            self.shared = start.saved.parts[0][0] if "left" in old else start.saved
            fixed["prefix"] = self.shared.tensors["prefix"]
            rows = fixed["prefix"].numel() // shape.width
            leaves["left"] = old.get("left", torch.randn(rows, RANK, generator=noise) / RANK**0.5)
            leaves["right"] = old.get("right", torch.zeros(RANK, shape.width))
        self.fixed = {name: tensor.to(device()) for name, tensor in fixed.items()}
        self.leaves = {name: t.detach().clone().to(device()).requires_grad_() for name, t in leaves.items()}

    def pace(self, examples: int) -> Pace:
        """How it is tuned on so many examples."""
        if self.method == "last-prefix":
            return AT_LAST_OF_MANY if examples > MANY else AT_LAST
        return self.backbone.pace

    def groups(self, pace: Pace) -> list[dict[str, object]]:
        """What an optimiser takes: each leaf with its learning rate."""
        rates = {name: pace.moving if name in MOVING else pace.rate for name in self.leaves}
        return [{"params": [leaf], "lr": rates[name]} for name, leaf in self.leaves.items()]

    def tensors(self) -> Mapping[str, torch.Tensor]:
        """What the backbone takes, differentiable in the leaves."""
        found: Tensors = {**self.fixed, **{part: self.leaves[part] for part in ADDED if part in self.leaves}}
        if self.method == "directions":
            found["shift"] = self.fixed["shift"] + self.leaves["along"] @ self.along
        elif self.method == "input":
            found |= self.backbone.input_tensors(self.leaves["input"])
        elif "prefix" in self.leaves:
            found["prefix"] = self.leaves["prefix"]
        elif self.method == "low-rank":
            base = self.fixed["prefix"]
            found["prefix"] = base + (self.leaves["left"] @ self.leaves["right"]).view(base.shape)
        return found

    def silent(self) -> Prompt:
        """A prompt that changes nothing."""
        now = {**self.fixed, **self.leaves}
        zeros = {name: torch.zeros_like(now[name]).detach().cpu() for name in ADDED if name in now}
        return replace(self.start, tensors=zeros, parts=(), version=0)

    def prompt(self) -> Prompt:
        """The prompt as it stands now, with what serving needs: an input prefix as the prefix that it amounts to."""
        with torch.no_grad():
            found = dict(self.leaves if self.method == "low-rank" else self.tensors())
        parts = ((self.shared, 1.0),) if self.shared else ()
        own = {name: tensor.detach().clone().cpu() for name, tensor in found.items()}
        return replace(self.start, tensors=own, parts=parts, version=0)
