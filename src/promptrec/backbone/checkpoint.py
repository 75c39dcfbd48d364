"""What a training run needs to go on after a kill: one file, replaced in one step after each epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from promptrec.progress import say
from promptrec.workspace import SCHEMA_VERSION

State = dict[str, torch.Tensor]


@dataclass
class Run:
    """All that changes while a network is trained.

    epoch: the last one that is done; seconds: spent on them; best_state: the network's after `best_epoch`.
    """

    network: torch.nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    rng: np.random.Generator
    epoch: int
    best: float = -1.0
    best_epoch: int = -1
    best_state: State = field(default_factory=dict)
    curve: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """The file and what it belongs to: data, split, seed, settings. The file of another training is left unread."""

    file: Path
    belongs: Mapping[str, Any]

    def of(self, **more: Any) -> Checkpoint:
        """The same file, for a training that also has to agree in `more`."""
        return replace(self, belongs={**self.belongs, **more})

    def member(self, number: int) -> Checkpoint:
        """The file beside this one of the network `number` of an ensemble; of the first, this one."""
        return replace(self, file=self.file.with_stem(f"{self.file.stem}-{number}")) if number else self

    def remove(self) -> None:
        """Remove the file and those of further networks."""
        self.file.unlink(missing_ok=True)
        for further in count(1):
            file = self.member(further).file
            if not file.exists():
                break
            file.unlink()

    def save(self, run: Run) -> None:
        """Write the run as tensors and, in the file's header, JSON; a kill leaves the old file or the new one."""
        optimizer = run.optimizer.state_dict()
        tensors = {f"network.{name}": tensor for name, tensor in run.network.state_dict().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in run.best_state.items()}
        for number, state in optimizer["state"].items():
            tensors |= {f"optimizer.{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        tensors["generator.cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["generator.cuda"] = torch.cuda.get_rng_state()
        document = {
            "schema_version": SCHEMA_VERSION,
            "belongs": self.key(),
            "groups": optimizer["param_groups"],
            "schedule": run.schedule.state_dict(),
            "generator": run.rng.bit_generator.state,
            "epoch": run.epoch,
            "best": run.best,
            "best_epoch": run.best_epoch,
            "curve": run.curve,
            "seconds": run.seconds,
        }
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        try:
            save_file({name: t.contiguous() for name, t in tensors.items()}, temporary, {"run": json.dumps(document)})
            temporary.replace(self.file)
        finally:
            temporary.unlink(missing_ok=True)

    def restore(self, run: Run) -> None:
        """Bring `run` to where the file left it; a file that is broken or of another training changes nothing."""
        if not self.file.exists():
            return
        try:
            with safe_open(self.file, framework="pt") as opened:
                document = json.loads(opened.metadata()["run"])
                tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118, no mapping
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            say(f"{self.file}: this checkpoint cannot be read ({error}); training starts anew")
            return
        own = self.key()
        differing = [name for name in own if document.get("belongs", {}).get(name) != own[name]]
        if differing or document.get("schema_version") != SCHEMA_VERSION:
            say(f"{self.file}: of another training (other {', '.join(differing) or 'format'}); training starts anew")
            return
        run.network.load_state_dict(_named(tensors, "network."))
        states: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _named(tensors, "optimizer.").items():
            number, _, part = name.partition(".")
            states.setdefault(int(number), {})[part] = tensor
        run.optimizer.load_state_dict({"state": states, "param_groups": document["groups"]})
        run.schedule.load_state_dict(document["schedule"])
        run.rng.bit_generator.state = document["generator"]
        torch.set_rng_state(tensors["generator.cpu"])
        if "generator.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["generator.cuda"])
        where = next(run.network.parameters()).device
        run.best_state = {name: tensor.to(where) for name, tensor in _named(tensors, "best.").items()}
        run.epoch, run.curve, run.seconds = document["epoch"], document["curve"], document["seconds"]
        run.best, run.best_epoch = document["best"], document["best_epoch"]
        say(f"{self.file}: training goes on after epoch {run.epoch}")

    def key(self) -> dict[str, Any]:
        """What it belongs to, as JSON gives it back. Other versions, and other devices, compute other bits."""
        where = "cuda" if torch.cuda.is_available() else "cpu"
        versions = {"promptrec": version("promptrec"), "torch": torch.__version__}
        found: dict[str, Any] = json.loads(json.dumps({**self.belongs, **versions, "device": where}))
        return found


def _named(tensors: State, prefix: str) -> State:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
