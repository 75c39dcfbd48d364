"""The numbers of a report: every model on the same questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Scorer
from promptrec.data.split import Examples
from promptrec.evaluate.beyond import coverage, diversity, novelty
from promptrec.evaluate.protocol import MakeQuery, Ranking, rank
from promptrec.evaluate.ranking import hit_rate, ndcg, reciprocal_rank
from promptrec.evaluate.significance import bootstrap_interval
from promptrec.progress import progress

Array = npt.NDArray[np.float32]


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
    counts: Array,
    people: int,
    vectors: Array,
    seed: int,
) -> list[dict[str, Any]]:
    """The entries of a report's `models`: `metrics` on examples["test"], other examples under their own names.

    counts: (n,) how many of the `people` trained on have each item; vectors: (n, d) content vectors.
    """
    entries = []
    for model in progress(models, "evaluate"):
        entry: dict[str, Any] = {"name": model.name, "kind": model.kind}
        for name, asked in examples.items():
            ranking = rank(model.scorer, asked, model.make_query)
            entry["metrics" if name == "test" else name] = metrics(ranking, counts, people, vectors, seed)
        entries.append(entry)
    return entries


def metrics(ranking: Ranking, counts: Array, people: int, vectors: Array, seed: int) -> dict[str, Any]:
    """Each metric with its 95% interval. Coverage belongs to all lists together, is no mean and has none."""
    per_example = {
        "ndcg@10": ndcg(ranking.ranks),
        "hr@10": hit_rate(ranking.ranks),
        "mrr": reciprocal_rank(ranking.ranks),
        "novelty@10": novelty(ranking.top, counts, people),
        "diversity@10": diversity(ranking.top, vectors),
    }
    found: dict[str, Any] = {name: bootstrap_interval(values, seed) for name, values in per_example.items()}
    found["coverage@10"] = {"value": coverage(ranking.top, len(counts)), "low": None, "high": None}
    return found
