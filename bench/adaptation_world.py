"""What the parts of `bench/adaptation.py` share: the model, the scenarios, questions that are asked of many methods."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from promptrec.backbone.sequence import SequenceBackbone, pad
from promptrec.data.history import History
from promptrec.data.scenario import match
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.recommender import Recommender, current_backbone
from promptrec.seeding import generator
from promptrec.tune.task import Task, task_of
from promptrec.workspace import read_json, write_json
from prompts import workspace

WORK = Path("bench/work/adaptation")
SEED = 0
ASKED = 256  # histories encoded together
MOST_CHOOSING, MOST_TESTED = 1_500, 3_000

Floats = npt.NDArray[np.float64]
Queries = Callable[[Sequence[History]], torch.Tensor]


@dataclass(frozen=True)
class Scenario:
    """where: which events; among: which items are ranked, all where None; words: what a person would call it."""

    where: str
    words: str
    among: str | None = None


SCENARIOS = {
    "five-star": Scenario("value = 5", "films that people rate with five stars"),
    "good-drama": Scenario(
        "value >= 4 AND array_contains(genres, 'Drama')", "a good drama", "array_contains(genres, 'Drama')"
    ),
    "first-visits": Scenario("event_number <= 10", "films that everybody has seen"),
    "children": Scenario(
        "array_contains(genres, 'Children''s')", "films for children", "array_contains(genres, 'Children''s')"
    ),
    "classics": Scenario("year < 1970 AND value >= 4", "the best old films", "year < 1970"),
    "weekend-comedy": Scenario(
        "weekday >= 6 AND array_contains(genres, 'Comedy')",
        "a comedy for the weekend",
        "array_contains(genres, 'Comedy')",
    ),
}


@cache
def recommender() -> Recommender:
    return Recommender.load(workspace().root)


def backbone() -> SequenceBackbone:
    found = recommender().backbone
    assert isinstance(found, SequenceBackbone)
    return found


def model() -> dict[str, Any]:
    """What tells the model of a cell from that of another."""
    card = read_json(current_backbone(workspace()) / "config.json", "backbone config")["card"]
    width = backbone().network.config.width
    return {"width": width, "validation_ndcg@10": card["validation_ndcg@10"], "backbone": backbone().fingerprint[:12]}


def rows_among(among: str | None) -> npt.NDArray[np.int64]:
    """The rows of the items of training events that `among` matches."""
    own = recommender()
    if among is None:
        return np.arange(len(own.catalogue), dtype=np.int64)
    return np.unique(own.dataset.histories.rows[match(own.dataset, among)])


def drawn(examples: Examples, most: int, purpose: str, seed: int = SEED) -> Examples:
    return examples.take(np.sort(generator(seed, purpose).permutation(len(examples))[:most]))


def examples_of(scenario: Scenario, limit: int | None, seed: int = SEED) -> Task:
    return task_of(recommender(), scenario.where, None, limit, seed)


class Asked:
    """Examples, asked of many methods: NDCG@10 among `candidates`, seen items out, ties pessimistic."""

    def __init__(self, examples: Examples, candidates: npt.NDArray[np.int64]) -> None:
        self.examples, self.candidates = examples, candidates
        self.histories = list(examples)
        column = np.full(len(recommender().catalogue), -1)
        column[candidates] = np.arange(len(candidates))
        self.targets = torch.from_numpy(column[examples.targets])
        owners = np.repeat(np.arange(len(self.histories)), [len(history) for history in self.histories])
        seen = column[np.concatenate([history.rows for history in self.histories])]
        self.seen = torch.from_numpy(owners[seen >= 0]), torch.from_numpy(seen[seen >= 0])
        self.order = np.argsort([len(history) for history in self.histories], kind="stable")

    def __len__(self) -> int:
        return len(self.histories)

    def queries(self, encode: Queries) -> torch.Tensor:
        """(n, d) what `encode` makes of each history, those of like length together."""
        parts = []
        with torch.inference_mode():
            for start in range(0, len(self.order), ASKED):
                parts.append(encode([self.histories[i] for i in self.order[start : start + ASKED]]))
        return torch.cat(parts)[torch.from_numpy(np.argsort(self.order))]

    @cached_property
    def plain(self) -> torch.Tensor:
        """(n, d) the queries without a prompt; a prompt that only shifts adds to them."""
        return self.queries(lambda histories: backbone().encode(histories, [{}] * len(histories)))

    def scores(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """(n, candidates) with seen items out; keys are those of the candidates."""
        return self.without_seen((queries @ keys.T).float())

    def without_seen(self, scores: torch.Tensor) -> torch.Tensor:
        wanted = scores.gather(1, self.targets[:, None]).clone()
        scores[self.seen] = -torch.inf
        return scores.scatter_(1, self.targets[:, None], wanted)

    def ndcg(self, scores: torch.Tensor) -> Floats:
        """(n,) of scores that `scores` or `without_seen` gave."""
        wanted = scores.gather(1, self.targets[:, None])
        found: Floats = ndcg(((scores >= wanted).sum(dim=1) - 1).numpy())
        return found


def padded(histories: Sequence[History], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    return pad(histories, length, len(recommender().catalogue))


def cell(name: str, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result of a cell: read where it is there, else run and kept."""
    file = WORK / f"{name}.json"
    if not file.exists():
        write_json(file, {"cell": name, **run()})
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
