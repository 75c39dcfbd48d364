"""`improve`: the loop of the article (section 3.3). Evaluate; while below the target and within the budget, reword,
search, tune, transfer and average; keep what is best on validation people; test once, at the end. Of two prompts that
validation people cannot tell apart the earlier, which is the simpler, is the better one.

Every step is a line of JSON in the run's log and leaves its prompt in the run's folder, so that a run that was cut off
goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from promptrec.errors import PromptrecError
from promptrec.evaluate.significance import standard_error
from promptrec.progress import say
from promptrec.prompt.library import PromptLibrary, check_name
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.tune.improve_report import write_report
from promptrec.tune.objective import Objective
from promptrec.tune.search import BUDGET, words_for
from promptrec.tune.sentences import prompts_of
from promptrec.tune.start import Start, start_of
from promptrec.tune.task import Task, task_of
from promptrec.tune.transfer import NOTHING, rank_prompts
from promptrec.tune.tune import EXAMPLES_FILE, card_of, descent_of
from promptrec.tune.validation import Questions
from promptrec.tune.wording import rewordings, vocabulary
from promptrec.workspace import SCHEMA_VERSION, Workspace, write_json

ROUNDS = 3
MOST_QUESTIONS = 2_000
AVERAGED = 3
METRIC = "ndcg@10"
LOG = "log.jsonl"


@dataclass(frozen=True)
class Step:
    """One thing to try: `make` gives the prompt, or None where it has nothing new to try."""

    way: str
    make: Callable[[], Prompt | None]


def improve(
    recommender: Recommender,
    workspace: Workspace,
    name: str,
    target: float,
    budget: float,
    scenario: str | None = None,
    text: str | None = None,
    seed: int = 0,
    *,
    examples: str | Path | None = None,
    limit: int | None = None,
) -> tuple[Prompt, Path]:
    """Make a prompt that reaches NDCG@10 of `target` on validation people, or the best one within `budget` seconds, and
    save it as the next version of `name`. Returns it and the folder of the run, in `runs/`.

    A run of the same arguments that was cut off goes on: its steps are not done again, its seconds count.
    Raises PromptrecError, naming it, for whatever cannot work.
    """
    check_name(name)
    task = task_of(recommender, scenario, examples, limit, seed)
    recipe = {
        "verb": "improve",
        "target": target,
        "budget": budget,
        "scenario": scenario,
        "examples": EXAMPLES_FILE if examples else None,
        "text": text,
        "limit": limit,
        "seed": seed,
    }
    recipe = {key: value for key, value in recipe.items() if value is not None}
    run = _Run(recommender, workspace, name, task, recipe, target, budget, text, seed)
    run.go()
    best = run.best()
    made = replace(run.load(best), name=name, version=0, recipe=recipe)
    card = card_of(recommender, task, made, Objective(), seed, way=best["way"], steps=run.log, target={METRIC: target})
    files = {EXAMPLES_FILE: task.source} if task.source else {}
    saved = recommender.library.save(replace(made, card=card), files)
    run.finish(saved)
    return saved, run.folder


class _Run:
    def __init__(
        self,
        recommender: Recommender,
        workspace: Workspace,
        name: str,
        task: Task,
        recipe: dict[str, Any],
        target: float,
        budget: float,
        text: str | None,
        seed: int,
    ) -> None:
        self.recommender, self.name, self.task, self.seed = recommender, name, task, seed
        self.target, self.budget, self.text = target, budget, text
        print_ = json.dumps([recipe, recommender.backbone.fingerprint, task.source is not None], sort_keys=True)
        digest = hashlib.sha256(print_.encode() + (task.source or b"")).hexdigest()[:12]
        self.folder = _open_run(workspace.runs, f"improve-{name}-{digest}")
        self.kept = PromptLibrary(self.folder / "prompts")
        self.log = _read_log(self.folder / LOG)
        asked = task.validation
        spread = np.unique(np.linspace(0, len(asked) - 1, min(len(asked), MOST_QUESTIONS)).astype(np.int64))
        self.questions = Questions(recommender.backbone, asked.take(spread))
        self.reached: dict[int, npt.NDArray[np.float64]] = {}
        self.before = sum(line["seconds"] for line in self.log)

    def go(self) -> None:
        """The steps that the log does not have yet, until the target or the end of the budget; one is always done.

        After each round without a better prompt, and after three, there is nothing left to try.
        """
        started = time.monotonic()
        done = 0
        if self.log:
            say(f"going on with {self.folder}: {len(self.log)} steps are done")
        for number in range(ROUNDS):
            for step in self.steps(number):
                done += 1
                if done <= len(self.log):
                    continue
                spent = self.before + time.monotonic() - started
                if self.log and (self.best()["validation"] >= self.target or spent >= self.budget):
                    return
                self.take(step, number)
            if number and self.best()["round"] < number:
                return

    def steps(self, number: int) -> Iterator[Step]:
        """Nothing and the words first; then reword, search, tune, transfer, average, from what is best at that time."""
        recommender, seed = self.recommender, self.seed + number
        if number == 0:
            yield Step("nothing", self.silent)
            yield Step("words", lambda: self.prompt_of(self.text) if self.text else None)
        yield Step("reword", self.reworded)
        yield Step("search", lambda: self.searched(seed))
        yield Step("tune directions", lambda: self.tuned(self.start_of_words(), "directions", seed))
        yield Step("tune", lambda: self.tuned(self.start_of_words(), None, seed))
        if recommender.backbone.prompt_shape.layers:
            yield Step("tune shift", lambda: self.tuned(self.start_of_words(), "shift", seed))
        yield Step("tune on", lambda: self.tuned(self.start_of_best(), None, seed))
        yield Step("transfer", lambda: self.transferred(seed) if number == 0 else None)
        yield Step("average", self.averaged)

    def take(self, step: Step, number: int) -> None:
        began = time.monotonic()
        made = step.make()
        line: dict[str, Any] = {"step": len(self.log), "round": number, "way": step.way}
        if made is None:
            line.update(words=None, validation=None)
        else:
            saved = self.kept.save(replace(made, name=f"step-{len(self.log)}", version=0, recipe={}, card={}))
            reached = self.reached[len(self.log)] = self.questions.ndcg(made)
            line.update(words=made.words, validation=float(reached.mean()), kind=made.kind)
            line.update(prompt=saved.name, version=saved.version)
        line["seconds"] = round(time.monotonic() - began, 3)
        self.log.append(line)
        line["best"] = self.best()["validation"]
        _append(self.folder / LOG, line)
        score = "nothing new" if made is None else f"{line['validation']:.4f} {line['words']!r}"
        say(f"{self.name}, step {line['step']}, {step.way}: {score}; best {line['best']:.4f}, target {self.target:g}")

    def best(self) -> dict[str, Any]:
        """The line of the log with the best prompt so far. A step takes the place of an earlier one where it is ahead
        by more than the standard error of the difference: the luck of the many that are tried is no reason."""
        tried = [line for line in self.log if line["validation"] is not None]
        best = tried[0]
        for line in tried[1:]:
            ahead = self.scores(line) - self.scores(best)
            if ahead.mean() > standard_error(ahead, self.questions.examples.people):
                best = line
        return best

    def scores(self, line: dict[str, Any]) -> npt.NDArray[np.float64]:
        """(n,) NDCG@10 of a step's prompt on each validation question."""
        if line["step"] not in self.reached:
            self.reached[line["step"]] = self.questions.ndcg(self.load(line))
        return self.reached[line["step"]]

    def best_words(self) -> str | None:
        """The words of the best text prompt so far."""
        lines = [line for line in self.log if line.get("kind") == "text"]
        return max(lines, key=lambda line: line["validation"])["words"] if lines else None

    def load(self, line: dict[str, Any]) -> Prompt:
        return self.kept.load(line["prompt"], line["version"])

    def silent(self) -> Prompt:
        return replace(start_of(self.recommender, self.name, None, (), None).prompt, words=self.task.words)

    def prompt_of(self, sentence: str) -> Prompt:
        return replace(self.recommender.requests.prompt(sentence), name=self.name)

    def reworded(self) -> Prompt | None:
        """The best of the trained wordings of the best words; without words, of the attribute words."""
        words = self.best_words()
        labels = self.recommender.dataset.manifest.get("labels", {})
        tried = rewordings(words) if words else vocabulary(self.recommender.catalogue, labels, None).words[:30]
        made = [replace(prompt, name=self.name) for prompt in prompts_of(self.recommender.requests, tried)]
        return max(made, key=lambda prompt: float(self.questions.ndcg(prompt).mean())) if made else None

    def searched(self, seed: int) -> Prompt:
        found, _ = words_for(self.recommender, self.task, self.best_words(), seed, BUDGET)
        return self.prompt_of(found.sentence)

    def start_of_words(self) -> Start:
        return start_of(self.recommender, self.name, self.best_words(), (), None)

    def start_of_best(self) -> Start:
        best = self.load(self.best())
        return Start(replace(best, name=self.name, kind="soft", version=0), saved=best)

    def tuned(self, start: Start, method: str | None, seed: int) -> Prompt:
        method = method or self.recommender.backbone.prompt_shape.method
        found = descent_of(self.recommender, self.task, start, method, Objective(), seed)
        return replace(found.prompt, words=start.prompt.words or self.task.words)

    def transferred(self, seed: int) -> Prompt | None:
        try:
            best = rank_prompts(self.recommender, self.task, leave_out=self.name)[0]["name"]
        except PromptrecError:
            return None  # no other prompt is saved
        if best == NOTHING:
            return None
        made = self.tuned(start_of(self.recommender, self.name, None, (), best), None, seed)
        return replace(made, words=f"{self.task.words}, from {best}")

    def averaged(self) -> Prompt | None:
        """The mean of the tensors of the best tuned prompts, of those whose are as large as the best's: an average of
        what was tuned from one start often does better than each (Wortsman et al., ICML 2022).
        """
        lines = sorted((line for line in self.log if line.get("kind") == "soft"), key=lambda line: -line["validation"])
        tuned = [prompt for prompt in map(self.load, lines) if any(t.any() for t in prompt.tensors.values())]
        shapes = [{name: tensor.shape for name, tensor in prompt.tensors.items()} for prompt in tuned]
        alike = [prompt for prompt, own in zip(tuned, shapes, strict=True) if own == shapes[0]][:AVERAGED]
        if len(alike) < 2:
            return None
        best = alike[0]
        means = {name: torch.stack([prompt.tensors[name] for prompt in alike]).mean(dim=0) for name in best.tensors}
        return replace(best, tensors=means)

    def finish(self, saved: Prompt) -> None:
        """Write the report, and mark the run as over: the same arguments begin a new one."""
        test = (saved.card.get("test") or {}).get(METRIC)
        result = {"prompt": saved.name, "version": saved.version, "target": self.target, "test": test}
        write_report(self.folder, self.log, result)
        write_json(self.folder / "result.json", {"schema_version": SCHEMA_VERSION, **result})


def parse_target(text: str) -> float:
    """The number of `ndcg@10=0.05`. Raises PromptrecError for another metric or no number."""
    metric, _, number = text.partition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if metric.strip().lower() != METRIC or not 0 < value <= 1:
        raise PromptrecError(f"--target {text!r}: expected {METRIC}=NUMBER with a number above 0 and up to 1")
    return value


def parse_budget(text: str) -> float:
    """Seconds of `90s`, `20m` or `1h`. Raises PromptrecError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh])", text.strip())
    if not found or not float(found[1]):
        raise PromptrecError(f"--budget {text!r}: expected a time such as 90s, 20m or 1h")
    return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def _open_run(runs: Path, name: str) -> Path:
    """The folder of the unfinished run of this name, else a new one."""
    number = 1
    while (runs / f"{name}-{number}" / "result.json").exists():
        number += 1
    folder = runs / f"{name}-{number}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _append(log: Path, line: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
        out.flush()
        os.fsync(out.fileno())


def _read_log(log: Path) -> list[dict[str, Any]]:
    """The steps that were written whole; a line that a kill cut off is taken out."""
    if not log.exists():
        return []
    text = log.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        log.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]
