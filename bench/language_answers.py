"""Which answer was accepted, among all answers (`PROMPTREC_DATA/qa`), in the folds of examples/answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F

from language_world import ROOT, SEEDS, WORK, data, interval, remember, standardised, tuned, workspace

sys.path.insert(0, str(ROOT / "examples/answers"))

from questions import Questions

from promptrec.data.examples import Examples
from promptrec.data.history import Histories
from promptrec.evaluate.significance import paired_difference
from promptrec.rank.lexical import Lexical
from promptrec.tune.task import Task
from result import goal

FOLDS = 5
SHARES = tuple(round(0.1 * n, 1) for n in range(11))


def answers_files(place: Path) -> list[str]:
    folder = place / "data"
    example = ROOT / "examples/answers"
    subprocess.run([sys.executable, example / "convert.py", data() / "qa", folder], check=True)
    (place / "answers.toml").write_text((example / "answers.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return ["import", str(place / "answers.toml"), "--yes"]


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
            goal("answers-mrr", "MRR of the tuned prompt with words", 0.63, interval(blend),
                 note(f"the untuned blend of BM25 and MiniLM has {usual.mean():.3f}; ahead by", blend - usual)),
            goal("answers-mrr-alone", "MRR of the tuned prompt alone, against MiniLM alone",
                 0.579, interval(alone),
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


def note(text: str, difference: np.ndarray) -> str:
    found = paired_difference(difference, np.zeros_like(difference), 0)
    return f"{text} {found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
