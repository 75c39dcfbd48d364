"""People with 0 to 10 events: a profile prompt and one shared cold prompt against counting, neighbours, fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from adaptation_rivals import fine_tuned_on
from adaptation_world import SEED, Floats, backbone, model, recommender
from promptrec.backbone.interface import Scorer
from promptrec.baselines.item_knn import ItemKNN
from promptrec.baselines.popularity import Popularity
from promptrec.baselines.user_knn import UserKNN
from promptrec.data.interactions import training_matrix
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.query import Query
from promptrec.seeding import generator
from promptrec.tune.cold import Cold, attributes_of, cold_questions, profiles_of, ranks_of, scores_of
from promptrec.tune.objective import training_counts
from promptrec.tune.profile import fit_generator

BELOW = 11
EVENTS = (0, 1, 2, 3, 5, 10)
AGES = (0, 25, 35, 45, 100)
CHOOSING = 1_500


@dataclass(frozen=True)
class Questions:
    """Cold questions with the profile of whom they are asked."""

    cold: Cold
    profiles: list[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.cold)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.cold.histories)

    @property
    def targets(self) -> np.ndarray:
        return self.cold.targets

    def take(self, chosen: np.ndarray) -> Questions:
        return Questions(self.cold.take(chosen), [self.profiles[i] for i in chosen])

    def ndcg(self, scores: torch.Tensor) -> Floats:
        found: Floats = ndcg(ranks_of(scores, self.cold))
        return found


def questions(people: np.ndarray, lengths: np.ndarray, schema: Mapping[str, Any]) -> Questions:
    own = recommender()
    profiles = profiles_of(own, schema)
    named = {"attributes": schema["attributes"], "below": schema["below"]}
    parts = [
        cold_questions(own.split, np.array([person]), profiles, named, schema["below"], np.array([length]))
        for person, length in zip(people, lengths, strict=True)
    ]
    cold = Cold(
        [history for part in parts for history in part.histories],
        torch.cat([part.x for part in parts if len(part)]),
        np.concatenate([part.targets for part in parts]),
    )
    whose = [
        profiles[own.split.histories.users[p]] for p, part in zip(people, parts, strict=True) for _ in part.targets
    ]
    return Questions(cold, whose)


def cold() -> dict[str, Any]:
    own = recommender()
    split, lengths = own.split, own.split.histories.lengths()
    schema: dict[str, Any] = {"attributes": attributes_of(own), "below": BELOW}
    training = questions(split.training, split.training_lengths(), schema)
    validation, test = (questions(p, lengths[p], schema) for p in (split.validation, split.test))
    order = np.sort(generator(SEED, "cold choosing").permutation(len(validation))[:CHOOSING])
    choosing = validation.take(order)
    wanted = np.flatnonzero(np.isin([len(history) for history in test.cold.histories], EVENTS))
    test = test.take(wanted)
    events = np.array([len(history) for history in test.cold.histories])
    answers: dict[str, Floats] = {}
    facts: dict[str, dict[str, Any]] = {}

    def took(method: str, scores: torch.Tensor, began: float, **more: Any) -> None:
        answers[method] = test.ndcg(scores)
        facts[method] = {"seconds": round(time.process_time() - began, 1), **more}

    began = time.process_time()
    took("frozen", scores_of(backbone(), None, test.cold), began, parameters=0)
    nobody: dict[str, Any] = {"attributes": {}, "below": BELOW}
    for method, known in (("shared cold prompt", nobody), ("profile prompt", schema)):
        began = time.process_time()
        inputs = [part.cold if known is schema else _counted(part.cold) for part in (training, choosing, test)]
        tensors, _ = fit_generator(backbone(), method.split()[0], inputs[0], inputs[1], known, SEED)
        took(
            method,
            scores_of(backbone(), tensors, inputs[2]),
            began,
            parameters=sum(t.numel() for t in tensors.values()),
        )
    matrix = training_matrix(split, len(own.catalogue))
    for method, scorer in (
        ("popularity", Popularity.fit(matrix)),
        ("user kNN", UserKNN.fit(matrix, 100)),
        ("item kNN", ItemKNN.fit(matrix)),
    ):
        began = time.process_time()
        took(method, _scored(scorer, test), began)
    began = time.process_time()
    took("popularity of first events", _counts(training).expand(len(test), -1).clone(), began)
    took("popularity in the profile", _in_profile(choosing, test), began)
    began = time.process_time()
    scores, cost = fine_tuned_on(training, choosing, choosing.ndcg, [test], SEED)
    took("full fine-tuning", scores[0], began, **cost)
    rows = []
    for method, found in answers.items():
        at = {str(n): bootstrap_interval(found[events == n], SEED) for n in EVENTS}
        lead = {
            str(n): paired_difference(answers["profile prompt"][events == n], found[events == n], SEED) for n in EVENTS
        }
        few = events <= 5
        rows.append(
            {
                "method": method,
                "ndcg@10": at,
                "profile prompt's lead": lead,
                "mean 0 to 5": float(np.mean([found[events == n].mean() for n in EVENTS if n <= 5])),
                "lead 0 to 5": paired_difference(answers["profile prompt"][few], found[few], SEED),
                **facts[method],
            }
        )
    return {
        "seed": SEED,
        "model": model(),
        "people": int((events == 0).sum()),
        "examples": len(training),
        "methods": rows,
    }


def _counted(cold: Cold) -> Cold:
    """Only how many events there are."""
    return Cold(cold.histories, cold.x[:, -BELOW:], cold.targets)


def _scored(scorer: Scorer, asked: Questions) -> torch.Tensor:
    histories = asked.cold.histories
    parts = [
        scorer.score([Query(history=history) for history in histories[start : start + 500]])
        for start in range(0, len(histories), 500)
    ]
    return torch.from_numpy(np.concatenate(parts).astype(np.float32))


def _counts(training: Questions) -> torch.Tensor:
    first = np.array([len(history) < BELOW for history in training.cold.histories])
    return torch.from_numpy(np.bincount(training.targets[first], minlength=len(recommender().catalogue))).float()


def _cell_of(profile: Mapping[str, Any]) -> tuple[Any, int]:
    age = profile.get("age")
    return profile.get("gender"), -1 if age is None else int(np.searchsorted(AGES, age, side="right"))


def _in_profile(choosing: Questions, test: Questions) -> torch.Tensor:
    """Events of training people of the same gender and age group, with so many of everybody's as validation likes."""
    own = recommender()
    split, items = own.split, len(own.catalogue)
    profiles = profiles_of(own, {"attributes": attributes_of(own), "below": BELOW})
    general = torch.from_numpy(training_counts(split, items)).float()
    counts: dict[Any, torch.Tensor] = {}
    for person, length in zip(split.training, split.training_lengths(), strict=True):
        where = _cell_of(profiles[split.histories.users[person]])
        rows = torch.from_numpy(split.histories.of(int(person)).rows[:length])
        counts.setdefault(where, torch.zeros(items))[rows] += 1

    def scores(asked: Questions, weight: float) -> torch.Tensor:
        mixed = {
            where: own_counts / own_counts.sum() + weight * general / general.sum()
            for where, own_counts in counts.items()
        }
        return torch.stack([mixed.get(_cell_of(profile), general) for profile in asked.profiles])

    best = max((0.0, 0.3, 1.0, 3.0), key=lambda weight: choosing.ndcg(scores(choosing, weight)).mean())
    return scores(test, best)


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"cold": cold}
