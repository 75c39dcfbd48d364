"""`make bench-demo`: the demo's path over several seeds, each in its own workspace, resumed where a seed is done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from promptrec.demo import demo
from promptrec.recommender import Recommender
from promptrec.workspace import Workspace, write_json
from result import goal, results

WORK = Path("bench/work")
APART = ("love stories", "wars")
BASELINES = ("popularity", "user-knn", "item-knn", "recency-item-knn", "ease", "ials", "content")


def main(seeds: list[int]) -> None:
    """Run what is missing of `seeds` and write bench/results/demo.json."""
    reports = {seed: run(seed) for seed in seeds}
    mean = {name: float(np.mean([both(r, name) for r in reports.values()])) for name in ("sequence", *BASELINES)}
    best = max(BASELINES, key=lambda name: mean[name])
    goals: list[dict[str, Any]] = [
        goal(
            "ml100k-lead",
            f"mean NDCG@10 of {len(seeds)} seeds ahead of the best baseline",
            mean[best],
            mean["sequence"],
            best,
        ),
    ]
    for asked in zip(*(report["requests"] for report in reports.values()), strict=True):
        language = asked[0]["language"]
        times = float(np.mean([one["share_with"] / one["share_without"] for one in asked]))
        kept = float(np.mean([one["ndcg_within_with"] / one["ndcg_within_without"] for one in asked]))
        goals.append(
            goal(f"share-{language}", "share of the genre, times that without a request", 2.0, times, asked[0]["text"])
        )
        goals.append(
            goal(f"order-{language}", "NDCG@10 among that genre, share of that without", 1.0, kept, asked[0]["text"])
        )
    shared = float(np.mean([report["apart"]["mean"] for report in reports.values()]))
    many = float(np.mean([report["apart"]["over_four"] for report in reports.values()]))
    note = f"mean over the people kept out; {many:.1%} of them have more than four"
    goals.append(goal("apart", " and ".join(APART) + ": shared of ten", 4.0, shared, note, at_most=True))
    first = sum(reports[seeds[0]]["seconds"].values())
    note = f"seed {seeds[0]}, nothing else running; other seeds may have run beside other work"
    goals.append(goal("seconds", "steps 1 to 6", 300.0, first, note, at_most=True))
    write_json(
        Path("bench/results/demo.json"),
        results(
            "make bench-demo SEEDS='" + " ".join(map(str, seeds)) + "'",
            seeds,
            [{"model": name, "ndcg@10, validation and test": value} for name, value in mean.items()],
            goals,
        ),
    )


def run(seed: int) -> dict[str, Any]:
    file = WORK / f"demo-{seed}.json"
    if not file.exists():
        workspace = Workspace(WORK / f"demo-{seed}")
        report = demo(workspace, seed)
        write_json(file, {**report, "apart": apart(Recommender.load(workspace.root))})
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return report


def apart(recommender: Recommender) -> dict[str, float]:
    """How many of ten items two requests share, for the people kept out of training, after all their events."""
    split, ids = recommender.split, recommender.catalogue.ids
    shared = []
    for person in np.concatenate([split.validation, split.test]):
        history = [ids[row] for row in split.histories.of(int(person)).rows]
        lists = [{item.id for item in recommender.recommend(history, text, k=10, explain=False)} for text in APART]
        shared.append(len(lists[0] & lists[1]))
    return {"mean": float(np.mean(shared)), "over_four": float(np.mean(np.array(shared) > 4))}


def both(report: dict[str, Any], name: str) -> float:
    """NDCG@10 of a model, validation and test together."""
    model = next(model for model in report["models"] if model["name"] == name)
    return float(model["metrics"]["ndcg@10"]["value"] + model["validation"]["ndcg@10"]["value"]) / 2


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
