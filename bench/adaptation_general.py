"""What adapting does to the general task: nothing where it is a prompt that is not given; and what it costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from adaptation_few_shot import steered
from adaptation_rivals import RATES, fine_tuned
from adaptation_world import SCENARIOS, SEED, Asked, backbone, drawn, examples_of, recommender, rows_among
from adaptation_world import Scenario as Task
from promptrec.backbone.sequence import fingerprint
from promptrec.evaluate.significance import paired_difference
from promptrec.prompt.query import Query
from promptrec.tune.objective import Objective
from promptrec.tune.start import start_of
from promptrec.tune.tune import descent_of

LEARNT, EXAMPLES, QUESTIONS, SERVED = "five-star", 512, 1_500, 200


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"general-task": general}


def general() -> dict[str, Any]:
    """The general task before and after the model is adapted to one scenario."""
    own, scenario = recommender(), SCENARIOS[LEARNT]
    everything = np.arange(len(own.catalogue))
    every = examples_of(Task("value > 0", ""), 1)
    asked = Asked(drawn(every.test, QUESTIONS, "general"), everything)
    task = examples_of(scenario, EXAMPLES)
    choosing = Asked(drawn(task.validation, QUESTIONS, "choosing"), rows_among(scenario.among))
    queries = [Query(history=history) for history in asked.histories[:SERVED]]
    before, bits = backbone().score(queries), fingerprint(backbone().network)
    frozen = asked.ndcg(steered(None, asked)[0])
    found = descent_of(own, task, start_of(own, "general", None, (), None), "prefix", Objective(), SEED)
    with_prompt = [Query(history=history, prompt=found.prompt) for history in asked.histories[:SERVED]]
    seconds = {}
    for name, batch in (("without a prompt", queries), ("with a prompt", with_prompt)):
        began = time.perf_counter()
        backbone().score(batch)
        seconds[name] = (time.perf_counter() - began) / SERVED
    same = np.array_equal(before, backbone().score(queries)) and bits == fingerprint(backbone().network)
    rows: list[dict[str, Any]] = [
        {"method": "prompt, not given", "ndcg@10": float(frozen.mean()), "difference": None, "same_bits": bool(same)}
    ]
    for method in ("full", "lora", "last layer"):
        scores, cost = fine_tuned(method, task.training, choosing, [asked], SEED, 3 * RATES[method])
        after = asked.ndcg(scores[1])
        difference = paired_difference(after, frozen, SEED, people=asked.examples.people)
        rows.append({"method": method, "ndcg@10": float(after.mean()), "difference": difference, **cost})
    return {"seed": SEED, "learnt": LEARNT, "examples": EXAMPLES, "rows": rows, "seconds_a_query": seconds}
