"""`tune`: examples of a task, a start, an objective; the prompt is made to fit, validation chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from promptrec.data.catalogue import Rows
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.tune.directions import directions
from promptrec.tune.gradient import Descent, descend, loudness
from promptrec.tune.newton import fit_shift
from promptrec.tune.objective import Loss, Objective
from promptrec.tune.reading import read
from promptrec.tune.score import scores
from promptrec.tune.start import Start, Tunable, start_of
from promptrec.tune.task import Task, task_of

EXAMPLES_FILE = "examples.csv"


def tune(
    recommender: Recommender,
    name: str,
    scenario: str | None = None,
    text: str | None = None,
    seed: int = 0,
    *,
    examples: str | Path | None = None,
    items: Sequence[str] = (),
    start: str | None = None,
    method: str | None = None,
    objective: Objective | None = None,
    limit: int | None = None,
    init: str | None = None,
    seconds: float | None = None,
) -> Prompt:
    """Tune a prompt on training people, choose its step on validation people, score it once on test people, and save it
    as the next version of `name`.

    scenario: one SQL expression over events joined with items; examples: a file instead (see `task_of`); limit: at most
    so many training examples. text, items, start: words, item ids or a saved prompt to begin at; with none of them the
    shift begins at zero and a prefix at random. method: which vectors change (see docs/tune.md); None is a
    prefix, or a shift where the backbone takes no prefix.
    init: how the vectors before a language model's words begin (see `start_of`); seconds: after which tuning ends.
    Raises PromptrecError, naming it, for whatever cannot work.
    """
    check_name(name)
    objective = objective or Objective()
    task = task_of(recommender, scenario, examples, limit, seed)
    begin = start_of(recommender, name, text, items, start, init, seed)
    method = method or recommender.backbone.prompt_shape.method
    found = descent_of(recommender, task, begin, method, objective, seed, seconds=seconds)
    recipe = {
        "verb": "tune",
        "scenario": scenario,
        "examples": EXAMPLES_FILE if examples else None,
        "text": text,
        "items": list(items) or None,
        "start": start,
        "method": method,
        "objective": asdict(objective),
        "limit": limit,
        "init": init,
        "seconds": seconds,
        "seed": seed,
    }
    words = f"{task.words}, from {start}" if start else begin.prompt.words or task.words
    prompt = replace(
        found.prompt, words=words, recipe={key: value for key, value in recipe.items() if value is not None}
    )
    card = card_of(recommender, task, prompt, objective, seed, curve=found.curve)
    files = {EXAMPLES_FILE: task.source} if task.source else {}
    return recommender.library.save(replace(prompt, card=card), files)


def descent_of(
    recommender: Recommender,
    task: Task,
    begin: Start,
    method: str,
    objective: Objective,
    seed: int,
    candidates: Rows | None = None,
    seconds: float | None = None,
) -> Descent:
    """The descent alone, nothing tested and nothing saved. candidates: the items that are ranked, all where None."""
    loss = Loss(objective, recommender.catalogue, recommender.vectors, recommender.split)
    begin = loudness(recommender.backbone, begin, loss, task.validation, candidates)
    along = directions(recommender)[1] if method == "directions" else None
    tunable = Tunable(recommender.backbone, begin, method, seed, along)
    if objective.only_relevance and set(tunable.tensors()) == {"shift"}:
        return fit_shift(recommender.backbone, tunable, task.training, task.validation, seed, candidates, seconds)
    return descend(recommender.backbone, tunable, loss, task.training, task.validation, seed, candidates, seconds)


def card_of(
    recommender: Recommender, task: Task, prompt: Prompt, objective: Objective, seed: int, **more: Any
) -> dict[str, Any]:
    """What every way of making a prompt writes on its card: data, examples, objective, scores and reading."""
    return {
        "data": recommender.dataset.label,
        "task": task.words,
        "examples": len(task.training),
        "validation_examples": len(task.validation),
        "test_examples": len(task.test),
        "objective": str(objective),
        "validation": scores(recommender, task.validation, prompt, objective, seed),
        "test": scores(recommender, task.test, prompt, objective, seed),
        "reading": read(recommender, prompt, task.training, seed),
        **more,
    }
