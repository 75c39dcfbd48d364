"""`evaluate`: the workspace's model, its prompts and the baselines on the same questions, as a report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from promptrec.backbone.wishes import attribute_words
from promptrec.baselines.fit_all import ALL, STANDARD, fit_baselines
from promptrec.baselines.popularity import Popularity
from promptrec.data import scenario as scenarios
from promptrec.data.examples import Examples
from promptrec.data.history import History
from promptrec.data.interactions import training_matrix
from promptrec.errors import PromptrecError
from promptrec.evaluate.metrics import class_shares
from promptrec.evaluate.noise import SHARE, with_random_events
from promptrec.evaluate.page import write_report
from promptrec.evaluate.protocol import MakeQuery, Seen
from promptrec.evaluate.questions import FIRST_EVENTS, facts, questions
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.requests import measure_request
from promptrec.evaluate.slices import ACTIVITY, by_activity, by_attribute, by_popularity
from promptrec.evaluate.yardstick import Yardstick, order_by_id
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
    protocol: str | None = None,
    scenario: str | None = None,
    against: str | None = None,
    seen: str = "exclude",
    slices: Sequence[str] = (),
    baselines: Sequence[str] = STANDARD,
) -> tuple[dict[str, Any], Path]:
    """Full catalogue, all models on the same questions; writes and returns report and folder.

    prompt: the name of a prompt to evaluate too. requests: measured on the people kept out of training.
    seconds: how long the steps before took, passed on into the report. protocol: one of `Protocol`; where None, the one
    that the model was trained for, or `scenario` where a scenario is given. against: the model that the others are
    compared with, the workspace's own where None. slices: attributes of items or users to report separately. baselines:
    names of `ALL`.
    """
    if seen not in get_args(Seen):
        raise PromptrecError(f"--seen {seen!r}: expected exclude or include")
    split, backbone, dataset = recommender.split, recommender.backbone, recommender.dataset
    catalogue = recommender.catalogue
    protocol = protocol or ("scenario" if scenario else split.protocol)
    examples = questions(split, protocol, None if scenario is None else scenarios.match(dataset, scenario))
    test = examples["test"]
    training = training_matrix(split, len(catalogue))
    counts = Popularity.fit(training).counts
    cuts = [
        by_activity(test, FIRST_EVENTS if protocol == "cold-people" else ACTIVITY),
        by_popularity(test, counts),
        *(by_attribute(test, dataset, name) for name in slices),
    ]
    attribute = calibrated_attribute(recommender)
    yardstick = Yardstick(
        counts,
        training.shape[0],
        recommender.vectors,
        seed,
        cast(Seen, seen),
        order_by_id(catalogue.ids),
        None if attribute is None else class_shares(catalogue.words_of(attribute)),
    )
    models = [Model(backbone, "backbone", backbone.name)]
    if prompt is not None:
        saved = recommender.library.load(prompt)
        models.append(Model(backbone, "prompt", prompt, _worded_by(recommender, saved)))
    fitted = fit_baselines(split, catalogue, recommender.vectors, seed, baselines, backbone)
    models += [Model(baseline, "baseline", baseline.name) for baseline in fitted]
    noisy = with_random_events(test, len(catalogue), seed)
    report = {
        "split": {"protocol": protocol, "scenario": scenario, **facts(split, examples, catalogue.ids, seen)},
        "data_hash": dataset.hash,
        "against": against or backbone.name,
        "slices": [{"by": cut.by, "about": cut.about} for cut in cuts],
        "calibrated": attribute,
        "random_events": SHARE,
        "models": evaluate_models(models, examples, yardstick, cuts, noisy, against or backbone.name),
        "requests": [measure(recommender, request) for request in requests],
        "seconds": seconds or {},
    }
    folder = workspace.runs / datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    write_report(folder, report)
    return report, folder


def named(baselines: str | None) -> Sequence[str]:
    """The baselines that `all`, names with commas between them, or nothing stand for."""
    if baselines is None:
        return STANDARD
    return ALL if baselines == "all" else [name.strip() for name in baselines.split(",")]


def calibrated_attribute(recommender: Recommender) -> str | None:
    """The attribute whose proportions a list should keep: of words, lists before single ones, what most items have."""
    catalogue = recommender.catalogue
    filled = {
        name: (recommender.dataset.items[name].dtype.is_nested(), sum(map(bool, catalogue.words_of(name))))
        for name in catalogue.word_attributes
    }
    return max(filled, key=lambda name: filled[name], default=None)


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


def _worded_by(recommender: Recommender, saved: Prompt) -> MakeQuery:
    """Attach `saved` to every history, its slots filled from it."""

    def make(history: History) -> Query:
        return Query(history=history, prompt=recommender.worded(saved, history))

    return make


def steered_by(prompt: Prompt | None) -> MakeQuery:
    """Attach `prompt` to every history."""

    def make(history: History) -> Query:
        return Query(history=history, prompt=prompt)

    return make
