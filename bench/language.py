"""`make bench-language`: prompts inside a language model, part by part, resumed where a part is done here.

    python bench/language.py [PART ...]

answers: which answer was accepted, among all answers (`PROMPTREC_DATA/qa`), in the folds of examples/answers.
no-events: two catalogues of which a model knows only the texts, courses in Chinese and products in English; people held
out with one to three events, full catalogue, seen items out. The same 64 or 512 examples are tuned on with every seed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "examples/answers"))

from questions import Questions  # noqa: E402

from earlier import goals_by_id, rows_by  # noqa: E402
from promptrec.data.examples import Examples  # noqa: E402
from promptrec.data.history import Histories  # noqa: E402
from promptrec.evaluate.metrics import ndcg  # noqa: E402
from promptrec.evaluate.significance import bootstrap_interval, paired_difference  # noqa: E402
from promptrec.language_training import train_language  # noqa: E402
from promptrec.rank.lexical import Lexical  # noqa: E402
from promptrec.recommender import Recommender  # noqa: E402
from promptrec.seeding import generator  # noqa: E402
from promptrec.tune.gradient import Descent, descend  # noqa: E402
from promptrec.tune.objective import Loss, Objective  # noqa: E402
from promptrec.tune.start import Tunable, start_of  # noqa: E402
from promptrec.tune.task import Task, task_of  # noqa: E402
from promptrec.tune.validation import Questions as Asked  # noqa: E402
from promptrec.workspace import Workspace, write_json  # noqa: E402

WORK = ROOT / "bench/work/language"
RESULT = ROOT / "bench/results/language.json"
SEEDS = (0, 1, 2)
# How many events of people held out choose a step, how many test, and how many choose among written prompts.
SIZES = {"courses": (60, 120, 4), "beauty": (200, 400, 30)}
FOLDS = 5
EARLY = "event_number > 1 AND event_number <= 4"  # a new catalogue has people with one to three events
SHARES = tuple(round(0.1 * n, 1) for n in range(11))
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


def workspace(name: str, model: str, make: Callable[[Path], list[str]]) -> Recommender:
    """The trained recommender of a data set, made where it is missing."""
    place = WORK / name
    if not (place / "dataset/manifest.json").exists():
        place.mkdir(parents=True, exist_ok=True)
        command = [str(Path(sys.executable).parent / "promptrec"), "data", "import", *make(place), "--yes"]
        subprocess.run([*command, "-w", str(place)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    if not (place / "backbone/current").exists():
        train_language(Workspace(place), model)
    return Recommender.load(place)


def data() -> Path:
    return Path(os.environ["PROMPTREC_DATA"])


def tuned(recommender: Recommender, task: Task, method: str, seed: int, text: str | None = None) -> Descent:
    backbone = recommender.backbone
    start = start_of(recommender, f"bench-{seed}", text, (), None, seed=seed)
    loss = Loss(Objective(), recommender.catalogue, recommender.vectors, recommender.split)
    return descend(backbone, Tunable(backbone, start, method, seed), loss, task.training, task.validation, seed)


# --- which answer was accepted


def answers_files(place: Path) -> list[str]:
    folder = place / "data"
    example = ROOT / "examples/answers"
    subprocess.run([sys.executable, example / "convert.py", data() / "qa", folder], check=True)
    (place / "answers.toml").write_text((example / "answers.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return [str(place / "answers.toml")]


def answers() -> dict[str, Any]:
    recommender = workspace("answers", "minilm", answers_files)
    folder, backbone = WORK / "answers/data", recommender.backbone
    remember(backbone)
    questions = Questions.read(folder, recommender.catalogue, FOLDS, 0)
    every = pl.read_csv(folder / "questions.csv", infer_schema=False)
    answered = pl.read_csv(folder / "answers.csv", infer_schema=False)
    words = Lexical(recommender.catalogue.texts, 1.0)
    requests = questions.requests()
    by_words = standardised(np.stack([words.score(request) for request in requests]))
    asked = examples_of(requests, questions.targets)
    with torch.inference_mode():
        texts = [backbone.template.render(history, []) for history in asked]
        raw = backbone.model.read(texts)
        items = F.normalize(backbone.items.vectors(recommender.catalogue.texts), dim=-1)
        plain = backbone.projection(raw)
    found: dict[str, np.ndarray] = {}
    rows: list[dict[str, Any]] = []
    methods = {
        "BM25": by_words,
        "MiniLM": (raw @ items.T).numpy(),
        "backbone, no prompt": (plain @ backbone.encode_items().T).numpy(),
    }
    for name, scores in methods.items():
        found[name] = questions.ranks(scores)
        found[f"{name} with words"] = crossed_blend(questions, scores, by_words)
    keys = backbone.encode_items()
    # Every question that is not of the part asked about, with any of its answers, is an example.
    number = dict(zip(every["question_id"], range(len(every)), strict=True))
    of_question = np.array([number[id_] for id_ in answered["question_id"]])
    row_of = recommender.catalogue.rows(answered["answer_id"].to_list())
    part = {title: int(fold) for title, fold in zip(questions.titles, questions.fold, strict=True)}
    parts = np.array([part.get(title, -1) for title in every["title"]])
    texts_of = [f"{title} {text}" for title, text in zip(every["title"], every["text"], strict=True)]
    for seed in SEEDS:
        scores = np.zeros((len(questions), len(recommender.catalogue)), dtype=np.float32)
        for fold in range(FOLDS):
            choosing = (fold + 1) % FOLDS
            use = (parts[of_question] != fold) & (parts[of_question] != choosing) & (row_of >= 0)
            training = examples_of([texts_of[i] for i in of_question[use]], row_of[use])
            validation = asked.take(questions.fold == choosing)
            task = Task("answers", training, validation, validation)
            prompt = tuned(recommender, task, "shift", seed).prompt
            with torch.inference_mode():
                queries = F.normalize(backbone.moved(plain, prompt.tensors), dim=-1)
                scores[questions.fold == fold] = (queries @ keys.T).numpy()[questions.fold == fold]
        found[f"tuned, seed {seed}"] = questions.ranks(scores)
        found[f"tuned with words, seed {seed}"] = crossed_blend(questions, scores, by_words)
    for name, ranks in found.items():
        rows.append(
            {"part": "answers", "method": name, **interval(1 / (ranks + 1.0)), "hit@1": float((ranks < 1).mean())}
        )
    alone, blend = (
        np.mean([1 / (found[f"{name}, seed {seed}"] + 1.0) for seed in SEEDS], axis=0)
        for name in ("tuned", "tuned with words")
    )
    usual = 1 / (found["MiniLM with words"] + 1.0)
    return {
        "rows": rows,
        "goals": [
            goal("answers-mrr", "MRR of the tuned prompt with words", 0.63, blend,
                 note(f"the untuned blend of BM25 and MiniLM has {usual.mean():.3f}; ahead by", blend - usual)),
            goal("answers-mrr-alone", "MRR of the tuned prompt alone, against MiniLM alone",
                 0.579, alone,
                 note("MiniLM alone reads 128 tokens here; ahead of it by", alone - 1 / (found["MiniLM"] + 1.0))),
        ],
    }  # fmt: skip


def examples_of(requests: list[str], targets: np.ndarray) -> Examples:
    """Requests of people without a history, each with the row of its answer."""
    count = len(requests)
    nothing = np.full(count, np.nan)
    users = tuple(f"question {i}" for i in range(count))
    histories = Histories(users, np.arange(count + 1, dtype=np.int64), targets.astype(np.int64), nothing, nothing)
    zeros = np.zeros(count, dtype=np.int64)
    return Examples(histories, np.arange(count, dtype=np.int64), zeros, None, tuple(requests))


def crossed_blend(questions: Questions, scores: np.ndarray, by_words: np.ndarray) -> np.ndarray:
    """Ranks of a blend with words, whose share is chosen for each part on the others."""
    meaning = standardised(scores)
    return questions.crossed({share: questions.ranks(share * by_words + (1 - share) * meaning) for share in SHARES})


def standardised(scores: np.ndarray) -> np.ndarray:
    centred = scores - scores.mean(axis=1, keepdims=True)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)


# --- catalogues without events


def courses_files(_: Path) -> list[str]:
    return [str(ROOT / "examples/courses/courses.toml")]


def beauty_files(_: Path) -> list[str]:
    folder = data() / "beauty"
    return ["--events", str(folder / "events.csv.gz"), "--items", str(folder / "items.csv.gz")]


def no_events(name: str, model: str, make: Callable[[Path], list[str]], seeds: tuple[int, ...]) -> dict[str, Any]:
    recommender = workspace(name, model, make)
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
        scores = []
        for seed in seeds:
            limited = task_of(recommender, EARLY, None, size, 0)
            found = tuned(recommender, replace(limited, validation=drawn["validation"]), "shift", seed)
            scores.append(test.ndcg(found.prompt))
        rows.append(
            {"part": f"no-events, {name}", "method": f"tuned from {size}", "seeds": list(seeds),
             **interval(np.mean(scores, axis=0)), "each": [float(own.mean()) for own in scores]}
        )  # fmt: skip
        gains, ranked = np.mean(scores, axis=0), scores
    ratio = ratio_interval(gains, usual)
    each = ", ".join(f"{own.mean():.4f}" for own in ranked)
    text = f"content similarity {usual.mean():.4f}, tuned {gains.mean():.4f} (seeds: {each})"
    return {"rows": rows, "goals": [{
        "id": f"no-events-{name}", "goal": f"{name}: NDCG@10 tuned from 512 over content similarity of {model}, times",
        "target": 1.2, **ratio, "met": ratio["value"] >= 1.2, "note": text}]}  # fmt: skip


def remember(backbone: Any) -> None:
    """Let the model read a text once, where no vectors stand before it."""
    read, known = backbone.model.read, {}

    def once(texts: list[list[int]], prompts: torch.Tensor | None = None) -> torch.Tensor:
        if prompts is not None:
            return read(texts, prompts)
        new = [text for text in dict.fromkeys(map(tuple, texts)) if text not in known]
        if new:
            known.update(zip(new, read([list(text) for text in new]).detach(), strict=True))
        return torch.stack([known[tuple(text)] for text in texts])

    backbone.model.read = once


def content_similarity(recommender: Recommender, choosing: Examples, asked: Examples) -> np.ndarray:
    """NDCG@10 of the cosine to the mean vector of the history, vectors of the same model less their mean, which is
    better here than with it; of the last item, five, or all of the history, which those of `choosing` decide."""
    vectors = recommender.backbone.items.vectors(recommender.catalogue.texts)
    vectors = F.normalize(vectors - vectors.mean(dim=0), dim=-1)

    def gains(examples: Examples, latest: int) -> np.ndarray:
        ranks = []
        for history, target in zip(examples, examples.targets, strict=True):
            scores = vectors @ vectors[history.last(latest).rows].mean(dim=0)
            wanted = scores[target].clone()
            scores[history.rows] = -torch.inf
            scores[target] = wanted
            ranks.append(int((scores >= wanted).sum()) - 1)
        return ndcg(np.array(ranks))

    return gains(asked, max((1, 5, 1_000), key=lambda latest: float(gains(choosing, latest).mean())))


# --- what is written down


def interval(values: np.ndarray) -> dict[str, float]:
    return {key: float(value) for key, value in bootstrap_interval(values, 0).items()}


def ratio_interval(values: np.ndarray, usual: np.ndarray) -> dict[str, float]:
    """The ratio of two means over the same people, and its 95% bootstrap interval."""
    rng = generator(0, "ratio")
    drawn = rng.integers(len(values), size=(2_000, len(values)))
    ratios = values[drawn].mean(axis=1) / np.maximum(usual[drawn].mean(axis=1), 1e-9)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {"value": float(values.mean() / usual.mean()), "low": float(low), "high": float(high)}


def goal(name: str, text: str, target: float, values: np.ndarray, said: str) -> dict[str, Any]:
    found = interval(values)
    return {"id": name, "goal": text, "target": target, **found, "met": found["value"] >= target, "note": said}


def note(text: str, difference: np.ndarray) -> str:
    found = paired_difference(difference, np.zeros_like(difference), 0)
    return f"{text} {found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def unmeasured(name: str, text: str, target: float) -> dict[str, Any]:
    return {"id": name, "goal": text, "target": target, "value": None, "low": None, "high": None, "met": False,
            "note": "not run"}  # fmt: skip


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "answers": answers,
    "courses": lambda: no_events("courses", "multilingual-e5-small", courses_files, (0,)),
    "beauty": lambda: no_events("beauty", "minilm", beauty_files, SEEDS),
}
GOALS = {
    "answers-mrr": ("MRR of the tuned prompt with words", 0.63),
    "answers-mrr-alone": ("MRR of the tuned prompt alone, against MiniLM alone", 0.579),
    "no-events-courses": ("courses: NDCG@10 tuned from 512 over content similarity, times", 1.2),
    "no-events-beauty": ("beauty: NDCG@10 tuned from 512 over content similarity, times", 1.2),
    "languages": ("effect of a request in the other language, share of that in the same", 0.85),
    "helps-trained": ("mix of sequence and language against sequence alone on cold items, times", 1.0),
    "prompt-minutes": ("minutes to tune a prompt for MiniLM over 2,000 examples", 10.0),
}


def main(parts: list[str]) -> None:
    for part in parts or list(PARTS):
        file = WORK / f"{part}.json"
        if not file.exists():
            write_json(file, PARTS[part]())
    done = [json.loads((WORK / f"{part}.json").read_text()) for part in PARTS if (WORK / f"{part}.json").exists()]
    rows = rows_by("part", RESULT) | {row["part"]: part["rows"] for part in done for row in part["rows"]}
    goals = goals_by_id(RESULT) | {own["id"]: own for part in done for own in part["goals"]}
    write_json(
        RESULT,
        {
            "command": "make bench-language",
            "date": datetime.now(UTC).date().isoformat(),
            "cpu": platform.processor() or platform.machine(),
            "seeds": list(SEEDS),
            "rows": [row for own in rows.values() for row in own],
            "goals": [goals.get(name) or unmeasured(name, *about) for name, about in GOALS.items()],
        },
    )


if __name__ == "__main__":
    main(sys.argv[1:])
