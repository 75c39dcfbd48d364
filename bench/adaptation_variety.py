"""Variety of the general task's lists: tuned prompts against re-ranking and a penalty on popular items.

Every family is a curve of settings; which of them stand on its upper edge, validation people decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pyversity import Strategy, diversify

from adaptation_few_shot import steered
from adaptation_world import EVERYTHING, SEED, Asked, drawn, examples_of, recommender
from promptrec.evaluate.metrics import diversity, novelty
from promptrec.tune.directions import directions
from promptrec.tune.objective import Objective, training_counts
from promptrec.tune.start import start_of
from promptrec.tune.tune import descent_of

LISTS = 1_500
EXAMPLES, MANY = 4_096, 10_000
RERANKED = 100
LOSSES = (0.0, 0.02, 0.05)
TUNED = [(0.0, 0.0), (0.1, 0.0), (0.3, 0.0), (1.0, 0.0), (3.0, 0.0), (0.3, 10.0), (1.0, 10.0), (0.0, 10.0), (0.0, 30.0)]
VARIETIES = (0.0, 10.0)  # of a prefix at the last layer; with novelty silence has the least loss
AGAINST_POPULARITY = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06)  # steps of the query along the named direction
PENALTIES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.08)
DIVERSITIES = (0.05, 0.1, 0.2, 0.3, 0.5)

Lists = np.ndarray


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"variety": variety}


def variety() -> dict[str, Any]:
    own = recommender()
    task = examples_of(EVERYTHING, EXAMPLES)
    everything = np.arange(len(own.catalogue))
    asked = [Asked(drawn(part, LISTS, "variety"), everything) for part in (task.validation, task.test)]
    silent = start_of(own, "variety", None, (), None)
    counts = torch.from_numpy(np.log1p(training_counts(own.split, len(everything)))).float()
    frozen = steered(None, *asked)
    rows = [row("frozen", "", frozen, [listed(scores) for scores in frozen], asked)]
    for penalty in PENALTIES:
        scores = [part - penalty * counts for part in frozen]
        rows.append(row("penalty", f"{penalty:g}", scores, [listed(part) for part in scores], asked))
    for method in ("shift", "prefix"):
        for new, varied in TUNED if method == "shift" else TUNED[1:6]:
            aim = Objective(novelty=new, variety=varied)
            scores = steered(descent_of(own, task, silent, method, aim, SEED).prompt, *asked)
            name = f"{method}, novelty {new:g}, variety {varied:g}"
            rows.append(row("prompt", name, scores, [listed(part) for part in scores], asked))
    names, along = directions(own)
    popular = along[names.index("popularity")]
    many = examples_of(EVERYTHING, MANY)
    for varied in VARIETIES:
        prompt = descent_of(own, many, silent, "last-prefix", Objective(variety=varied), SEED).prompt
        for step in (0.0, *AGAINST_POPULARITY):
            scores = steered(replace(prompt, tensors={**prompt.tensors, "shift": -step * popular}), *asked)
            name = f"last-prefix, variety {varied:g}, {step:g} against popularity"
            rows.append(row("prompt", name, scores, [listed(part) for part in scores], asked))
            if step == 0:
                rows += reranked("prompt and MMR", name, Strategy.MMR, scores, asked)
    rows += reranked("MMR", "", Strategy.MMR, frozen, asked) + reranked("DPP", "", Strategy.DPP, frozen, asked)
    return {"seed": SEED, "lists": len(asked[1]), "rows": rows, "curves": curves(rows)}


def listed(scores: torch.Tensor, most: int = 10) -> Lists:
    found: Lists = scores.topk(most, dim=1).indices.numpy()
    return found


def reranked(
    family: str, prompt: str, strategy: Strategy, scores: Sequence[torch.Tensor], asked: Sequence[Asked]
) -> list[Any]:
    vectors = recommender().vectors
    vectors = vectors - vectors.mean(axis=0)
    rows = []
    for amount in DIVERSITIES:
        lists = []
        for part in scores:
            top = part.topk(RERANKED, dim=1)
            own = []
            for values, places in zip(top.values.numpy(), top.indices.numpy(), strict=True):
                relevance = (values - values.min()) / max(float(np.ptp(values)), 1e-9)
                own.append(places[diversify(vectors[places], relevance, 10, strategy, amount).indices])
            lists.append(np.array(own))
        rows.append(row(family, f"{prompt}, {amount:g}" if prompt else f"{amount:g}", None, lists, asked))
    return rows


def row(
    family: str, setting: str, scores: Sequence[torch.Tensor] | None, lists: Sequence[Lists], asked: Sequence[Asked]
) -> dict[str, Any]:
    """NDCG@10, coverage@10, intra-list diversity and novelty, on validation and on test people."""
    own = recommender()
    found: dict[str, Any] = {"family": family, "setting": setting}
    for i, people in enumerate(("validation", "test")):
        if scores is not None:
            gains = asked[i].ndcg(scores[i])
        else:
            hits = lists[i] == asked[i].targets.numpy()[:, None]
            gains = (hits / np.log2(np.arange(2, 12))).sum(axis=1)
        found[people] = {
            "ndcg@10": float(gains.mean()),
            "coverage@10": float(len(np.unique(lists[i])) / len(own.catalogue)),
            "diversity@10": float(diversity(lists[i], own.vectors - own.vectors.mean(axis=0)).mean()),
            "novelty@10": float(
                novelty(lists[i], training_counts(own.split, len(own.catalogue)), len(own.split.training)).mean()
            ),
        }
    return found


def curves(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, dict[str, float | None]]]:
    """For each family and metric, what test people get of it at each loss of NDCG@10, between the settings that
    validation people place on the upper edge."""
    frozen = rows[0]
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for family in dict.fromkeys(r["family"] for r in rows if r["family"] != "frozen"):
        own = [frozen, *(r for r in rows if r["family"] == family)]
        found[family] = {
            metric: {f"{loss:g}": at_loss(own, metric, loss, frozen) for loss in LOSSES}
            for metric in ("coverage@10", "diversity@10")
        }
    return found


def at_loss(own: Sequence[dict[str, Any]], metric: str, loss: float, frozen: dict[str, Any]) -> float | None:
    def better(one: dict[str, Any], other: dict[str, Any]) -> bool:
        a, b = one["validation"], other["validation"]
        return bool(a["ndcg@10"] >= b["ndcg@10"] and a[metric] > b[metric])

    edge = [r for r in own if not any(better(other, r) for other in own)]
    points = sorted((1 - r["test"]["ndcg@10"] / frozen["test"]["ndcg@10"], r["test"][metric]) for r in edge)
    losses, values = np.array([p[0] for p in points]), np.maximum.accumulate([p[1] for p in points])
    if loss < losses[0]:
        return None
    return float(np.interp(loss, losses, values))
