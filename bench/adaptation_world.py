"""What the parts of `bench/adaptation.py` share: the model, the scenarios, questions that are asked of many methods.

A process is of one world, a data set and the seed of its model, its examples and the start of every method; which one
the variable WORLD says, as in ml1m-0.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

import prompts
from promptrec.backbone.sequence import SequenceBackbone, pad
from promptrec.data.history import History
from promptrec.data.scenario import match
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.recommender import Recommender, current_backbone
from promptrec.seeding import generator
from promptrec.tune.task import Task, task_of
from promptrec.workspace import Workspace, read_json
from workspaces import trained


class World(NamedTuple):
    """data: the name of a data set; seed: of its model, its examples and the start of every method."""

    data: str
    seed: int

    def __str__(self) -> str:
        return f"{self.data}-{self.seed}"


SHORT = World("ml100k", 0)
WORLDS = (*(World(data, seed) for data in ("ml1m", "beauty", "courses") for seed in range(3)), SHORT)
FIRST = WORLDS[0]


def named_world(name: str) -> World:
    known = {str(world): world for world in WORLDS}
    if name not in known:
        raise SystemExit(f"WORLD: there is no world {name!r}; the worlds are {', '.join(known)}")
    return known[name]


WORLD = named_world(os.environ.get("WORLD", str(FIRST)))
SEED = WORLD.seed
WORK = Path("bench/work/adaptation")
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


EVERYTHING = Scenario("event_number >= 1", "")
ML1M = {
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
BEAUTY = {
    "skin-care": Scenario(
        "array_contains(attributes, 'Skin Care')", "skin care", "array_contains(attributes, 'Skin Care')"
    ),
    "regular-customers": Scenario("event_number >= 6", "for customers who come again and again"),
}
COURSES = {
    "computing": Scenario("description LIKE '%计算机%'", "计算机课程", "description LIKE '%计算机%'"),
    "first-courses": Scenario("event_number <= 3", "零基础入门课程"),
}
ML100K = {name: ML1M[name] for name in ("five-star", "first-visits", "children")}
SCENARIOS_OF = {"ml1m": ML1M, "beauty": BEAUTY, "courses": COURSES, "ml100k": ML100K}
SCENARIOS = SCENARIOS_OF[WORLD.data]
SOURCES = {
    "ml1m": ("fetch", "movielens-1m"),
    "beauty": ("import", "examples/shop/shop.toml", "--yes"),
    "courses": ("import", "examples/courses/courses.toml", "--yes"),
    "ml100k": ("fetch", "movielens-100k"),
}


def workspace() -> Workspace:
    """That of the world with its model; the first world's is that of bench/prompts.py."""
    return (
        prompts.workspace()
        if WORLD == FIRST
        else trained(Workspace(WORK / str(WORLD) / "workspace"), SEED, *SOURCES[WORLD.data])
    )


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


def general_task() -> Asked:
    """1,500 events of test people of any kind, all items ranked."""
    return Asked(drawn(examples_of(EVERYTHING, 1).test, 1_500, "general"), np.arange(len(recommender().catalogue)))


def padded(histories: Sequence[History], length: int) -> tuple[torch.Tensor, torch.Tensor]:
    return pad(histories, length, len(recommender().catalogue))


def id_of(name: str, world: World = WORLD) -> str:
    """What results call a cell: its name, where it is not of the first world behind the world's."""
    return name if world == FIRST else f"{world}/{name}"


def of_world(cells: Mapping[str, dict[str, Any]], world: World) -> dict[str, dict[str, Any]]:
    """The cells of a world by their names."""
    names = {one: one.split("/")[-1] for one in cells}
    return {name: cells[one] for one, name in names.items() if id_of(name, world) == one}


def file_of(name: str) -> Path:
    return WORK / f"{id_of(name)}.json"
