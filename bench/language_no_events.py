"""Two catalogues of which a model knows only the texts, courses in Chinese and products in English.

People held out with one to three events, full catalogue, seen items out. The same 64 or 512 examples are tuned on with
every seed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F

from language_world import ROOT, data, interval, ranks_of, ratio_interval, remember, tuned, workspace
from promptrec.data.examples import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.task import task_of
from promptrec.tune.validation import Questions as Asked
from result import goal

# How many events of people held out choose a step, how many test, and how many choose among written prompts.
SIZES = {"courses": (60, 120, 4), "beauty": (200, 400, 30)}
EARLY = "event_number > 1 AND event_number <= 4"  # a new catalogue has people with one to three events
TIMED = 2_000
METHODS = ("shift", "input")  # those who choose a step choose between them, too
WRITTEN = {
    "courses": (
        "推荐适合继续学习的课程", "零基础入门课程", "与学过的课程相关的进阶课程", "计算机与编程课程",
        "最受欢迎的大学公开课", "下一门应该学习的课程", "经济管理类课程",
        "人文社科通识课程", "数学与理工基础课程", "实用技能课程",
    ),
    "beauty": (
        "a beauty product that goes with these", "popular skin care products", "something similar to what I bought",
        "best selling makeup", "hair care", "gentle moisturizer for the face", "a product that people buy again",
        "nail polish and tools", "products of the same brand", "an everyday essential",
    ),
}  # fmt: skip


def courses_files(_: Path) -> list[str]:
    return ["import", str(ROOT / "examples/courses/courses.toml"), "--yes"]


def beauty_files(_: Path) -> list[str]:
    folder = data() / "beauty"
    return ["import", "--events", str(folder / "events.csv.gz"), "--items", str(folder / "items.csv.gz"), "--yes"]


def no_events(name: str, model: str, source: Callable[[Path], list[str]], seeds: tuple[int, ...]) -> dict[str, Any]:
    recommender = workspace(name, model, source)
    backbone, rows = recommender.backbone, []
    choosing, asked, choosing_written = SIZES[name]
    remember(backbone)
    task = task_of(recommender, EARLY, None, None, 0)
    some = {"validation": (task.validation, choosing), "test": (task.test, asked)}
    drawn = {
        role: examples.take(np.sort(generator(0, f"bench {role}").permutation(len(examples))[:most]))
        for role, (examples, most) in some.items()
    }
    test = Asked(backbone, drawn["test"])
    usual = content_similarity(recommender, drawn["validation"], drawn["test"])
    untuned = test.ndcg(None)
    choose = Asked(backbone, drawn["validation"].take(np.arange(choosing_written)))
    written = {text: choose.ndcg(recommender.requests.prompt(text)).mean() for text in WRITTEN[name]}
    best = max(written, key=lambda text: written[text])
    said = test.ndcg(recommender.requests.prompt(best))
    for method, values in (("content similarity", usual), ("no prompt", untuned), (f"best written: {best}", said)):
        rows.append({"part": f"no-events, {name}", "method": method, **interval(values)})
    for size in (64, 512):
        scores, ways = [], []
        for seed in seeds:
            limited = task_of(recommender, EARLY, None, size, 0)
            task = replace(limited, validation=drawn["validation"])
            tried = [tuned(recommender, task, method, seed) for method in METHODS]
            best_way = max(tried, key=lambda found: max(point["validation"] for point in found.curve))
            scores.append(test.ndcg(best_way.prompt))
            ways.append(METHODS[tried.index(best_way)])
        rows.append(
            {"part": f"no-events, {name}", "method": f"tuned from {size}", "seeds": list(seeds), "methods": ways,
             **interval(np.mean(scores, axis=0)), "each": [float(own.mean()) for own in scores]}
        )  # fmt: skip
        gains, ranked = np.mean(scores, axis=0), scores
    ratio = ratio_interval(gains, usual)
    each = ", ".join(f"{own.mean():.4f}" for own in ranked)
    text = f"{name}: NDCG@10 tuned from 512 over content similarity of {model}, times"
    note = f"content similarity {usual.mean():.4f}, tuned {gains.mean():.4f} (seeds: {each})"
    return {"rows": rows, "goals": [goal(f"no-events-{name}", text, 1.2, ratio, note)]}


def content_similarity(recommender: Recommender, choosing: Examples, asked: Examples) -> np.ndarray:
    """NDCG@10 of the cosine to the mean vector of the history, vectors of the same model less their mean, which is
    better here than with it; of the last item, five, or all of the history, which those of `choosing` decide."""
    vectors = recommender.backbone.items.vectors(recommender.catalogue.texts)
    vectors = F.normalize(vectors - vectors.mean(dim=0), dim=-1).numpy()

    def gains(examples: Examples, latest: int) -> np.ndarray:
        queries = np.stack([vectors[history.last(latest).rows].mean(axis=0) for history in examples])
        return ndcg(ranks_of(queries @ vectors.T, examples))

    return gains(asked, max((1, 5, 1_000), key=lambda latest: float(gains(choosing, latest).mean())))


def minutes() -> dict[str, Any]:
    """How long it takes to tune the vectors before MiniLM's words on 2,000 examples, validation included."""
    recommender = workspace("beauty", "minilm", beauty_files)
    task = task_of(recommender, EARLY, None, TIMED, 0)
    started, processor = time.monotonic(), time.process_time()
    found = tuned(recommender, task, "input", 0)
    took, spent = (time.monotonic() - started) / 60, (time.process_time() - processor) / 60
    row = {"part": "minutes", "examples": len(task.training), "minutes": took, "processor_minutes": spent}
    first, best = found.curve[0]["validation"], max(point["validation"] for point in found.curve)
    text = "minutes to tune a prompt for MiniLM over 2,000 examples"
    note = f"{len(task.training):,} examples of Beauty, {spent:.1f} minutes of processor time, method input; "
    note += f"NDCG@10 on those who choose {first:.4f} -> {best:.4f}"
    return {"rows": [row], "goals": [goal("prompt-minutes", text, 10.0, took, note, at_most=True)]}
