"""The numbers of a report: every model on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Scorer
from promptrec.data.examples import Examples
from promptrec.errors import NotFoundError
from promptrec.evaluate.protocol import MakeQuery, Ranking, rank
from promptrec.evaluate.significance import bootstrap_interval, bootstrap_intervals, holm, sign_flip_p
from promptrec.evaluate.slices import Slice
from promptrec.evaluate.yardstick import Yardstick, by_rank
from promptrec.progress import progress

Floats = npt.NDArray[np.float64]
COMPARED = ("ndcg@10", "hr@10", "mrr")
IN_SLICES = ("ndcg@10", "hr@10")


@dataclass(frozen=True)
class Model:
    """A scorer as a report names it; `make_query` attaches its prompt."""

    scorer: Scorer
    kind: Literal["backbone", "baseline", "prompt"]
    name: str
    make_query: MakeQuery | None = None


def evaluate_models(
    models: Sequence[Model],
    examples: Mapping[str, Examples],
    yardstick: Yardstick,
    slices: Sequence[Slice] = (),
    noisy: Examples | None = None,
    against: str | None = None,
) -> list[dict[str, Any]]:
    """The entries of a report's `models`: `metrics` on examples["test"], other examples under their own names.

    slices: of the test examples; noisy: the test examples after histories with random events, for `robustness`;
    against: the model that the others are compared with. Raises NotFoundError where no model has this name.
    """
    if against is not None and against not in [model.name for model in models]:
        known = ", ".join(model.name for model in models)
        raise NotFoundError(f"--against {against!r}: no model of this report has this name; there are {known}")
    entries, compared = [], {}
    for model in progress(models, "evaluate"):
        entry: dict[str, Any] = {"name": model.name, "kind": model.kind}
        for name, asked in examples.items():
            ranking = _rank(model, asked, yardstick)
            values = yardstick.per_example(ranking, asked)
            summary = yardstick.summary(values, ranking, asked)
            if name != "test":
                entry[name] = summary
                continue
            entry["metrics"] = summary
            entry["slices"] = {one.by: _sliced(one, ranking, asked, yardstick.seed) for one in slices}
            compared[model.name] = {metric: values[metric] for metric in COMPARED}
        if noisy is not None:
            disturbed = _rank(model, noisy, yardstick)
            values = by_rank(disturbed.ranks, disturbed.offsets)
            chosen = {metric: values[metric] for metric in IN_SLICES}
            entry["robustness"] = bootstrap_intervals(chosen, yardstick.seed, people=examples["test"].people)
        entries.append(entry)
    if against is not None:
        _compare(entries, compared, against, examples["test"], yardstick.seed)
    return entries


def _rank(model: Model, examples: Examples, yardstick: Yardstick) -> Ranking:
    return rank(model.scorer, examples, model.make_query, yardstick.seen, tie_order=yardstick.tie_order)


def _sliced(cut: Slice, ranking: Ranking, examples: Examples, seed: int) -> dict[str, Any]:
    """For each group how many examples it has, and their numbers with only the group's answers as relevant."""
    owners = examples.answers.owners()
    found = {}
    for name, inside in cut.groups:
        asked, counts = np.unique(owners[inside], return_counts=True)
        values = by_rank(ranking.ranks[inside], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))
        chosen = {metric: values[metric] for metric in IN_SLICES}
        found[name] = {"examples": len(asked), **bootstrap_intervals(chosen, seed, people=examples.people[asked])}
    return found


def _compare(
    entries: Sequence[dict[str, Any]],
    values: Mapping[str, Mapping[str, Floats]],
    against: str,
    examples: Examples,
    seed: int,
) -> None:
    """Give the other entries an `against`: the difference with its interval, p, and p corrected for many models."""
    others = [entry for entry in entries if entry["name"] != against]
    for entry in others:
        entry["against"] = {}
    for metric in COMPARED if others else ():
        differences = [values[entry["name"]][metric] - values[against][metric] for entry in others]
        p_values = sign_flip_p(differences, seed, examples.people)
        for entry, difference, p, corrected in zip(others, differences, p_values, holm(p_values), strict=True):
            interval = bootstrap_interval(difference, seed, people=examples.people)
            entry["against"][metric] = {**interval, "p": p, "p_corrected": corrected}
