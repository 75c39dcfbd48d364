"""What the parts of `bench/language.py` share: workspaces, tuning, and how results are written down."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promptrec.data.examples import Examples
from promptrec.evaluate.significance import bootstrap_interval
from promptrec.language_training import train_language
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.gradient import Descent, descend
from promptrec.tune.objective import Loss, Objective
from promptrec.tune.start import Tunable, start_of
from promptrec.tune.task import Task
from promptrec.workspace import Workspace
from workspaces import program

ROOT = Path(__file__).parents[1]
WORK = ROOT / "bench/work/language"
SEEDS = (0, 1, 2)


def workspace(name: str, model: str, source: Callable[[Path], list[str]]) -> Recommender:
    """The trained recommender of a data set, made where it is missing; source: what `promptrec data` is told."""
    place = WORK / name
    if not (place / "dataset/manifest.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        command = [program(), "data", *source(place), "-w", str(place)]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    if not (place / "backbone/current").exists():
        subprocess.run([program(), "models", "fetch", model], check=True, stdout=subprocess.DEVNULL)
        train_language(Workspace(place), model)
    return Recommender.load(place)


def data() -> Path:
    return Path(os.environ["PROMPTREC_DATA"])


def tuned(recommender: Recommender, task: Task, method: str, seed: int, text: str | None = None) -> Descent:
    backbone = recommender.backbone
    start = start_of(recommender, f"bench-{seed}", text, (), None, seed=seed)
    loss = Loss(Objective(), recommender.catalogue, recommender.vectors, recommender.split)
    return descend(backbone, Tunable(backbone, start, method, seed), loss, task.training, task.validation, seed)


def remember(backbone: Any) -> None:
    """Let the model read a text once, where no vectors stand before it."""
    read, known = backbone.model.read, {}

    def once(texts: list[list[int]], prompts: torch.Tensor | None = None) -> torch.Tensor:
        if prompts is not None:
            return read(texts, prompts)
        new = [text for text in dict.fromkeys(map(tuple, texts)) if text not in known]
        if new:
            known.update(zip(new, read([list(text) for text in new]).detach(), strict=True))
        return torch.stack([known[tuple(text)] for text in texts])

    backbone.model.read = once


def ranks_of(scores: np.ndarray, examples: Examples) -> np.ndarray:
    """(n,) how many items stand before the one that came, of scores (n, items); seen items out, ties pessimistic."""
    ranks = []
    for own, history, target in zip(scores, examples, examples.targets, strict=True):
        left = own.copy()
        left[history.rows] = -np.inf
        ranks.append(int((left >= own[target]).sum()) - (left[target] >= own[target]))
    return np.array(ranks)


def standardised(scores: np.ndarray) -> np.ndarray:
    """(n, items) scores, each row with mean 0 and spread 1."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


def interval(values: np.ndarray, people: np.ndarray | None = None) -> dict[str, float]:
    return {key: float(value) for key, value in bootstrap_interval(values, 0, people=people).items()}


def ratio_interval(values: np.ndarray, usual: np.ndarray, people: np.ndarray | None = None) -> dict[str, float]:
    """The ratio of two means over the same questions, and its 95% bootstrap interval over people.

    people: (n,) who each question is of; each is of a person of their own where None.
    """
    owners = np.arange(len(values)) if people is None else np.unique(people, return_inverse=True)[1]
    sums, usual_sums = np.bincount(owners, weights=values), np.bincount(owners, weights=usual)
    drawn = generator(0, "ratio").integers(len(sums), size=(2_000, len(sums)))
    ratios = sums[drawn].sum(axis=1) / np.maximum(usual_sums[drawn].sum(axis=1), 1e-9)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"value": float(values.mean() / usual.mean()), "low": float(low), "high": float(high)}
