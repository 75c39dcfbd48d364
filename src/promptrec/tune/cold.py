"""People with few events: what is known about them, and questions whose histories are cut short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from promptrec.backbone.interface import Backbone
from promptrec.backbone.sequence import device
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.prompt.profile import features, shifts
from promptrec.recommender import Recommender

BATCH = 128
MOST_WORDS = 40


@dataclass(frozen=True)
class Cold:
    """Questions about people with few events. histories: of length below `below`; x (n, f); targets: (n,) rows."""

    histories: list[History]
    x: torch.Tensor
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.histories)

    def take(self, chosen: npt.NDArray[Any]) -> Cold:
        return Cold([self.histories[i] for i in chosen], self.x[torch.from_numpy(chosen)], self.targets[chosen])


def attributes_of(recommender: Recommender) -> dict[str, Any]:
    """What is known about people of training: the most frequent words of each attribute, or a number's spread."""
    users = recommender.dataset.users
    if users is None or users.width < 2:
        raise PromptrecError(
            "a profile prompt needs attributes of people, the dataset has none; import them with --users FILE"
        )
    trained = {recommender.split.histories.users[person] for person in recommender.split.training}
    known: dict[str, Any] = {}
    for column in users.filter(pl.col("id").is_in(trained)).drop("id").iter_columns():
        values = column.drop_nulls()
        if column.dtype.is_numeric() and values.n_unique() > 1:
            numbers = values.cast(pl.Float64)
            known[column.name] = {"mean": numbers.mean(), "deviation": numbers.std()}
        elif column.dtype in (pl.String, pl.Boolean) and values.n_unique() > 1:
            counts = values.cast(pl.String).value_counts(sort=True)
            known[column.name] = {"words": sorted(counts[column.name].head(MOST_WORDS).to_list())}
    if not known:
        raise PromptrecError("a profile prompt needs attributes of people that differ; those of users.parquet do not")
    return known


def profiles_of(recommender: Recommender, schema: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    assert recommender.dataset.users is not None
    users = recommender.dataset.users.select("id", *schema["attributes"])
    return {row["id"]: {key: row[key] for key in schema["attributes"]} for row in users.iter_rows(named=True)}


def cold_questions(
    split: Split,
    people: npt.NDArray[np.int64],
    profiles: Mapping[str, Mapping[str, Any]],
    schema: Mapping[str, Any],
    below: int,
    lengths: npt.NDArray[np.int64],
) -> Cold:
    """Each person's first `below` events as questions, of the first `lengths` (people,) of their events.

    Nothing is cut from the middle of a history: people begin with other items than they go on with, and a generator
    that also learnt from such cuts was worse for people who begin.
    """
    histories, x, targets = [], [], []
    for person, length in zip(people, lengths, strict=True):
        profile = profiles.get(split.histories.users[person], {})
        own = split.histories.of(int(person))
        for events in range(min(below, int(length))):
            histories.append(split.histories.slice(int(person), 0, events))
            x.append(features(schema, profile, events))
            targets.append(own.rows[events])
    return Cold(histories, torch.stack(x) if x else torch.empty(0), np.array(targets, dtype=np.int64))


def steered(
    backbone: Backbone, tensors: Mapping[str, torch.Tensor], histories: list[History], x: torch.Tensor
) -> torch.Tensor:
    stacked = {"shift": tensors["shift"] + shifts(tensors, x.to(device()))}
    if "prefix" in tensors:
        stacked["prefix"] = tensors["prefix"].expand(len(histories), *tensors["prefix"].shape)
    return backbone.queries(histories, stacked)


def scores_of(backbone: Backbone, tensors: Mapping[str, torch.Tensor] | None, questions: Cold) -> torch.Tensor:
    """(n, items) scores; without tensors, of the backbone alone."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(questions), BATCH):
            part = questions.take(np.arange(start, min(start + BATCH, len(questions))))
            if tensors is None:
                queries = backbone.queries(part.histories, {})
            else:
                queries = steered(backbone, {n: t.to(device()) for n, t in tensors.items()}, part.histories, part.x)
            found.append((queries @ backbone.encode_items().T).cpu())
    return torch.cat(found)


def ranks_of(scores: torch.Tensor, questions: Cold) -> npt.NDArray[np.int64]:
    """(n,) from 0, seen items out, ties pessimistic."""
    wanted = scores.gather(1, torch.from_numpy(questions.targets)[:, None])
    for own, history in zip(scores, questions.histories, strict=True):
        own[torch.from_numpy(history.rows)] = -torch.inf
    scores.scatter_(1, torch.from_numpy(questions.targets)[:, None], wanted)
    ranks: npt.NDArray[np.int64] = (scores >= wanted).sum(dim=1).numpy() - 1
    return ranks
