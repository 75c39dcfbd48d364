"""`transfer`: a new scenario's few examples rank the saved prompts, and tuning starts from the best."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.errors import PromptrecError
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.slots import has_slots
from promptrec.recommender import Recommender
from promptrec.tune.objective import Objective
from promptrec.tune.start import start_of
from promptrec.tune.task import Task, task_of
from promptrec.tune.tune import EXAMPLES_FILE, card_of, descent_of
from promptrec.tune.validation import Questions

MOST_EXAMPLES = 200
NOTHING = "(no prompt)"


def transfer(
    recommender: Recommender,
    name: str,
    scenario: str | None = None,
    seed: int = 0,
    *,
    examples: str | Path | None = None,
    limit: int | None = None,
    method: str | None = None,
    objective: Objective | None = None,
) -> Prompt:
    """Rank the saved prompts by their loss on a task's training examples, tune from the best and save the result as the
    next version of `name`; where none is better than no prompt, tuning starts from nothing.

    Raises PromptrecError where no saved prompt can be started from, and what `tune` raises.
    """
    check_name(name)
    objective = objective or Objective()
    task = task_of(recommender, scenario, examples, limit, seed)
    order = rank_prompts(recommender, task, leave_out=name)
    best = order[0]["name"]
    begin = start_of(recommender, name, None, (), None if best == NOTHING else best)
    method = method or recommender.backbone.prompt_shape.method
    found = descent_of(recommender, task, begin, method, objective, seed)
    recipe = {
        "verb": "transfer",
        "scenario": scenario,
        "examples": EXAMPLES_FILE if examples else None,
        "limit": limit,
        "method": method,
        "objective": asdict(objective),
        "seed": seed,
    }
    prompt = replace(
        found.prompt, words=f"{task.words}, from {best}", recipe={k: v for k, v in recipe.items() if v is not None}
    )
    card = card_of(recommender, task, prompt, objective, seed, curve=found.curve, ranked=order)
    return recommender.library.save(replace(prompt, card=card), {EXAMPLES_FILE: task.source} if task.source else {})


def rank_prompts(recommender: Recommender, task: Task, leave_out: str) -> list[dict[str, Any]]:
    """The prompts that tuning can start from, and none at all, by their mean loss on the first 200 training examples,
    the best first. Raises PromptrecError where there is no such prompt.
    """
    questions = Questions(recommender.backbone, task.training.take(_spread(len(task.training))))
    usable = [
        saved for name in recommender.library.names() if name != leave_out for saved in _usable(recommender, name)
    ]
    if not usable:
        raise PromptrecError("transfer: no saved prompt of this backbone can be started from; tune or search one first")
    ranked = [{"name": saved.name, "version": saved.version, "loss": questions.loss(saved)} for saved in usable]
    ranked.append({"name": NOTHING, "version": None, "loss": questions.loss(None)})
    return sorted(ranked, key=_loss)


def _loss(row: dict[str, Any]) -> tuple[float, str]:
    return row["loss"], row["name"]


def _usable(recommender: Recommender, name: str) -> list[Prompt]:
    card = recommender.library.card(name, recommender.library.active(name))
    fits = card["backbone"] == recommender.backbone.fingerprint and card["kind"] in ("soft", "text")
    return [recommender.library.load(name)] if fits and not has_slots(card["words"]) else []


def _spread(count: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_EXAMPLES)).astype(np.int64))
