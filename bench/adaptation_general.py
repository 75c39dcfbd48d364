"""What adapting does to the general task, nothing where it is a prompt that is not given, and what serving it costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch

from adaptation_few_shot import RIVALS, prompts, steered
from adaptation_rivals import RATES, Rival, choosing_part, descend, scores
from adaptation_world import (
    MOST_CHOOSING,
    SCENARIOS,
    SEED,
    Asked,
    backbone,
    drawn,
    examples_of,
    general_task,
    recommender,
    rows_among,
)
from promptrec.backbone.interface import Pace
from promptrec.backbone.sequence import SequenceBackbone, fingerprint
from promptrec.data.history import History
from promptrec.evaluate.significance import paired_difference
from promptrec.prompt.query import Query
from promptrec.tune.task import Task

LEARNT = ("first-visits", "five-star", "children")
EXAMPLES = 4_096
SERVED = 200


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"general-task": general}


def general() -> dict[str, Any]:
    """The general task before and after the model is adapted to a scenario, to each of three from the start again."""
    asked = general_task()
    served = asked.histories[:SERVED]
    queries, bits = [Query(history=history) for history in served], fingerprint(backbone().network)
    before, frozen = backbone().score(queries), asked.ndcg(steered(None, asked)[0])
    costs = costs_of_prompts(served)
    same = np.array_equal(before, backbone().score(queries)) and bits == fingerprint(backbone().network)
    rows: list[dict[str, Any]] = [
        {"method": "prompt, not given", "ndcg@10": float(frozen.mean()), "difference": None, "same_bits": bool(same)}
    ]
    for learnt, method in product(LEARNT, RIVALS):
        changed, step = adapted(learnt, method)
        if method not in costs:
            costs[method] = {**stored(changed.parameters()), "milliseconds": served_by(changed, served)}
        changed.prefix = None  # the general task comes without a prompt
        after = asked.ndcg(scores(changed, asked))
        difference = paired_difference(after, frozen, SEED, people=asked.examples.people)
        found = {"ndcg@10": float(after.mean()), "difference": difference}
        rows.append({"method": method, "learnt": learnt, "step": step, **found})
    return {"seed": SEED, "examples": EXAMPLES, "rows": rows, "costs": costs}


def adapted(learnt: str, method: str) -> tuple[Rival, int]:
    """The model changed to a scenario, and at which step it did best."""
    task, among, choosing = task_of(learnt)
    part, pace = choosing_part(choosing), Pace(rate=RATES[method])
    changed, cost = descend(method, task.training, lambda own: part.ndcg(scores(own, part)), among, SEED, pace)
    return changed, cost["step"]


def costs_of_prompts(served: Sequence[History]) -> dict[str, dict[str, float]]:
    """Of no prompt and of each kind, tuned to a scenario in which none of them keeps silent."""
    task, among, choosing = task_of(LEARNT[0])
    made = {name: prompt for name, (prompt, _) in prompts(SCENARIOS[LEARNT[0]], task, among, choosing, SEED).items()}
    costs: dict[str, dict[str, float]] = {
        "frozen": {**stored([]), "milliseconds": milliseconds(backbone(), {}, served)}
    }
    for name, prompt in made.items():
        time_of_one = milliseconds(backbone(), prompt.flat()[0][0].tensors, served)
        costs[f"prompt: {name}"] = {**stored(prompt.tensors.values()), "milliseconds": time_of_one}
    return costs


def task_of(learnt: str) -> tuple[Task, np.ndarray, Asked]:
    """Its examples, the rows of its items, and who chooses."""
    task, among = examples_of(SCENARIOS[learnt], EXAMPLES), rows_among(SCENARIOS[learnt].among)
    return task, among, Asked(drawn(task.validation, MOST_CHOOSING, "choosing"), among)


def served_by(changed: Rival, served: Sequence[History]) -> float:
    """Milliseconds of a query to the changed model, which is another backbone beside the frozen one."""
    own = backbone()
    other = SequenceBackbone(
        changed.network, own.space, own.trained, own.catalogue, recommender().vectors, None, own.words, own.placement
    )
    return milliseconds(other, {} if changed.prefix is None else {"prefix": changed.prefix.detach()}, served)


def stored(tensors: Iterable[torch.Tensor]) -> dict[str, float]:
    """What is kept for a scenario beside the frozen model."""
    kept = list(tensors)
    return {"parameters": sum(t.numel() for t in kept), "bytes": sum(t.numel() * t.element_size() for t in kept)}


def milliseconds(served: SequenceBackbone, tensors: Mapping[str, torch.Tensor], histories: Sequence[History]) -> float:
    """The median time of one query, of one processor: its history is read and all items are scored."""
    taken, keys = [], served.encode_items()
    with torch.inference_mode():
        for history in histories:
            began = time.process_time()
            served.encode([history], [tensors]) @ keys.T
            taken.append(time.process_time() - began)
    return 1_000 * float(np.median(taken))
