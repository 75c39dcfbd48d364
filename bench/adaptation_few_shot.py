"""Scenarios with few examples: prompts of every kind against fine-tuning, training anew and counting.

All methods have the same examples, the same candidates and the same validation people; what they choose by them is the
step or the words, and for prompts which one ("the chosen prompt", and "the quick prompt" among those that took no more
than a fifth of full fine-tuning's time). Only the shared prefix knows more, the examples of all scenarios, so that what
begins at it is never the chosen prompt. Seconds are of one processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch

from adaptation_rivals import RATES, fine_tuned, item_knn, popularity
from adaptation_world import (
    MOST_CHOOSING,
    MOST_TESTED,
    SCENARIOS,
    SEED,
    WORLD,
    Asked,
    Floats,
    Scenario,
    backbone,
    drawn,
    examples_of,
    model,
    recommender,
    rows_among,
)
from promptrec.data.examples import Examples
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.prompt import Prompt
from promptrec.tune.gradient import LOUDNESS
from promptrec.tune.objective import Objective
from promptrec.tune.search import BUDGET, words_for
from promptrec.tune.start import Start, start_of
from promptrec.tune.task import Task
from promptrec.tune.tune import descent_of

SIZES = (16, 64, 512, 4_096)
SIZES_OF = {"ml1m": SIZES, "beauty": (64, 512), "courses": (64, 512), "ml100k": (64,)}
RIVALS = ("full", "lora", "last layer", "joint", "scratch")
SHARED = "low-rank of a shared prefix"
SHARED_CHOOSING = 500  # validation examples of each scenario that choose the shared prefix
QUICK = 0.2  # of full fine-tuning's time
Scores = list[torch.Tensor]


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    """One for each scenario and number of examples."""
    return {
        f"few-shot-{name}-{size}": (lambda name=name, size=size: few_shot(name, size))  # type: ignore[misc]
        for size in SIZES_OF[WORLD.data]
        for name in SCENARIOS
    }


def few_shot(name: str, size: int, seed: int = SEED) -> dict[str, Any]:
    scenario = SCENARIOS[name]
    candidates = rows_among(scenario.among)
    task = examples_of(scenario, size, seed)
    choosing = Asked(drawn(task.validation, MOST_CHOOSING, "choosing"), candidates)
    tested = Asked(drawn(task.test, MOST_TESTED, "tested"), candidates)
    found: dict[str, dict[str, Any]] = {}
    answers: dict[str, Floats] = {}

    def took(method: str, made: Scores, **more: Any) -> None:
        answers[method] = tested.ndcg(made[1])
        people = tested.examples.people
        score = bootstrap_interval(answers[method], seed, people=people)
        found[method] = {"validation": float(choosing.ndcg(made[0]).mean()), "test": score, **more}

    took("frozen", steered(None, choosing, tested), parameters=0, seconds=0.0)
    made = prompts(scenario, task, candidates, choosing, seed)
    for method, (prompt, seconds) in made.items():
        numbers = sum(tensor.numel() for tensor in prompt.tensors.values())
        took(f"prompt: {method}", steered(prompt, choosing, tested), parameters=numbers, seconds=seconds)
    for method in RIVALS:
        scores, cost = fine_tuned(method, task.training, choosing, [tested], seed)
        took(method, scores, rate=RATES[method], **cost)
    took("item kNN in the scenario", item_knn(task.training, choosing, [tested]))
    took("popularity in the scenario", popularity(task.training, choosing, [tested]))
    names = [f"prompt: {method}" for method in made if method != SHARED]
    chosen = max(names, key=lambda method: found[method]["validation"])
    most = QUICK * found["full"]["seconds"]
    quick = max(
        (method for method in names if found[method]["seconds"] <= most),
        key=lambda method: found[method]["validation"],
        default=None,
    )
    for leader, one in [("chosen", chosen)] + ([("quick", quick)] if quick else []):
        for method, row in found.items():
            lead = paired_difference(answers[one], answers[method], seed, people=tested.examples.people)
            row[f"{leader} prompt's lead"] = lead
    facts = {"examples": len(task.training), "candidates": len(candidates), "test_examples": len(tested)}
    head = {"scenario": name, "size": size, "seed": seed, "model": model(), **facts}
    return {**head, "chosen": chosen, "quick": quick, "methods": found}


def prompts(
    scenario: Scenario, task: Task, candidates: np.ndarray, choosing: Asked, seed: int
) -> dict[str, tuple[Prompt, float]]:
    """Each kind of prompt with the seconds that it took."""
    own = recommender()
    silent = start_of(own, "adaptation", None, (), None)
    spoken = start_of(own, "adaptation", scenario.words, (), None)

    def loud(part: float) -> Prompt:
        return replace(spoken.prompt, tensors={"shift": part * spoken.prompt.tensors["shift"]})

    def timed(make: Callable[[], Prompt]) -> tuple[Prompt, float]:
        began = time.process_time()
        return make(), time.process_time() - began

    def tuned(start: Start, method: str) -> tuple[Prompt, float]:
        return timed(lambda: descent_of(own, task, start, method, Objective(), seed, candidates).prompt)

    def words() -> Prompt:
        return max((loud(part) for part in LOUDNESS), key=lambda p: choosing.ndcg(steered(p, choosing)[0]).mean())

    def searched() -> Prompt:
        asked = replace(task, validation=choosing.examples)
        return own.requests.prompt(words_for(own, asked, None, seed, BUDGET, candidates=candidates)[0].sentence)

    found = {"words": timed(words)}
    prompt, seconds = found["searched words"] = timed(searched)
    for method in ("directions", "last-prefix"):
        further, more = tuned(Start(replace(prompt, kind="soft")), method)
        found[f"searched words, then {method}"] = further, seconds + more
    for method in ("directions", "shift", "input", "prefix", "last-prefix"):
        found[method] = tuned(silent, method)
    common = shared_prefix(len(task.training), seed)
    if "prefix" in common.tensors:  # else those who choose liked silence best
        found[SHARED] = tuned(Start(common, common), "low-rank")
    prompt, seconds = tuned(Start(found["directions"][0]), "prefix")
    found["directions, then prefix"] = prompt, seconds + found["directions"][1]
    return found


@cache
def shared_prefix(size: int, seed: int) -> Prompt:
    """A prefix tuned on the examples of all scenarios, among all items: what low-rank updates are of."""
    tasks = [examples_of(scenario, size, seed) for scenario in SCENARIOS.values()]
    choosing = [drawn(task.validation, SHARED_CHOOSING, "shared") for task in tasks]
    together = replace(tasks[0], training=joined([task.training for task in tasks]), validation=joined(choosing))
    silent = start_of(recommender(), "shared", None, (), None)
    return descent_of(recommender(), together, silent, "prefix", Objective(), seed).prompt


def joined(parts: Sequence[Examples]) -> Examples:
    people, positions = (np.concatenate([getattr(part, own) for part in parts]) for own in ("people", "positions"))
    return replace(parts[0], people=people, positions=positions)


def steered(prompt: Prompt | None, *asked: Asked) -> Scores:
    tensors, keys = (prompt.flat()[0][0].tensors if prompt else {}), backbone().encode_items()

    def queries(one: Asked) -> torch.Tensor:
        if "prefix" not in tensors:
            return one.plain + tensors.get("shift", torch.zeros(keys.shape[1]))
        return one.queries(lambda histories: backbone().encode(histories, [tensors] * len(histories)))

    return [one.scores(queries(one), keys[torch.from_numpy(one.candidates)]) for one in asked]
