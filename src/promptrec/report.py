"""`evaluate`: the workspace's model, its prompts and the baselines on the same questions, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from promptrec.backbone.wishes import attribute_words
from promptrec.baselines.fit_all import fit_baselines
from promptrec.baselines.matrix import training_matrix
from promptrec.baselines.popularity import Popularity
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.evaluate.page import write_report
from promptrec.evaluate.protocol import MakeQuery
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.requests import measure_request
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.workspace import Workspace

Request = tuple[str, str, str]  # text, language, the attribute word that it asks for


def evaluate(
    recommender: Recommender,
    workspace: Workspace,
    prompt: str | None = None,
    seed: int = 0,
    requests: Sequence[Request] = (),
    seconds: dict[str, float] | None = None,
) -> tuple[dict[str, Any], Path]:
    """Leave-one-out over the training people, full catalogue, seen items out; writes and returns report and folder.

    prompt: the name of a prompt to evaluate too. requests: measured on the people kept out of training.
    seconds: how long the steps before took, passed on into the report.
    """
    split, backbone, catalogue = recommender.split, recommender.backbone, recommender.catalogue
    models = [Model(backbone, "backbone", backbone.name)]
    if prompt is not None:
        saved = recommender.library.load(prompt)
        models.append(Model(backbone, "prompt", prompt, steered_by(saved)))
    models += [Model(b, "baseline", b.name) for b in fit_baselines(split, catalogue, recommender.vectors, seed)]
    training = training_matrix(split, len(catalogue))
    counts = Popularity.fit(training).counts
    examples = {"test": split.leave_one_out(from_end=1), "validation": split.leave_one_out(from_end=2)}
    report = {
        "split": {"protocol": "leave-one-out, full catalogue, seen items out", "hash": split.hash, "seed": split.seed},
        "models": evaluate_models(models, examples, counts, training.shape[0], recommender.vectors, seed),
        "requests": [measure(recommender, request) for request in requests],
        "seconds": seconds or {},
    }
    folder = workspace.runs / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    write_report(folder, report)
    return report, folder


def measure(recommender: Recommender, request: Request) -> dict[str, Any]:
    """What a request changes for the people kept out of training, at their last event."""
    text, language, word = request
    labels = recommender.dataset.manifest.get("labels", {})
    carried = next(found.carried for found in attribute_words(recommender.catalogue, labels) if found.word == word)
    split = recommender.split
    people = np.concatenate([split.validation, split.test])
    people = people[split.histories.lengths()[people] > 1]
    asked = Examples(split.histories, people, split.histories.lengths()[people] - 1)
    steering = recommender.requests.prompt(text)
    plain, requested = steered_by(None), steered_by(steering)
    return measure_request(recommender.backbone, asked, carried, plain, requested, text, language, word)


def steered_by(prompt: Prompt | None) -> MakeQuery:
    """Attach `prompt` to every history."""

    def make(history: History) -> Query:
        return Query(history=history, prompt=prompt)

    return make
