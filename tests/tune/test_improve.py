from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from promptrec.backbone.interface import Backbone, Pace
from promptrec.errors import PromptrecError
from promptrec.prompt.library import PromptLibrary
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.tune.improve import _Run, improve, parse_budget, parse_target
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.task import task_of
from promptrec.workspace import Workspace

STARS = "rating = 5"
BEYOND_REACH = 1.5
SIZED = ((2, 1.0), (1, 9.0), (2, 3.0))  # layers and numbers of three prefixes
RUN = """
import sys
from pathlib import Path
from promptrec.recommender import Recommender
from promptrec.tune.improve import improve
from promptrec.workspace import Workspace
from promptrec.backbone.interface import Backbone, Pace
Backbone.pace = Pace(steps=60)
root = Path(sys.argv[1])
improve(Recommender.load(root), Workspace(root), "loop", 1.5, 600, "rating = 5", "films", limit=100)
"""


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is the order of things, not how far tuning gets."""
    monkeypatch.setattr(Backbone, "pace", Pace(steps=60))


@pytest.fixture
def fresh(world: Path, tmp_path: Path) -> Path:
    shutil.copytree(world, tmp_path / "copy", ignore=shutil.ignore_patterns("prompts", "runs"))
    return tmp_path / "copy"


def log_of(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def kept(folder: Path, line: dict[str, object]) -> Mapping[str, torch.Tensor]:
    return PromptLibrary(folder / "prompts").load(str(line["prompt"]), int(str(line["version"]))).tensors


def mean_of_best(folder: Path, log: list[dict[str, object]]) -> torch.Tensor:
    """The mean shift of the three best tuned prompts with the tensors of the very best."""
    lines = sorted(
        (line for line in log if line.get("kind") == "soft"), key=lambda line: -float(str(line["validation"]))
    )
    tuned = [tensors for tensors in (kept(folder, line) for line in lines) if any(t.any() for t in tensors.values())]
    shapes = [{name: tensor.shape for name, tensor in tensors.items()} for tensors in tuned]
    alike = [tensors["shift"] for tensors, own in zip(tuned, shapes, strict=True) if own == shapes[0]]
    return torch.stack(alike[:3]).mean(dim=0)


def test_the_loop_ends_with_the_best_of_its_steps(fresh: Path) -> None:
    recommender = Recommender.load(fresh)
    before = recommender.backbone.fingerprint
    prompt, folder = improve(recommender, Workspace(fresh), "loop", BEYOND_REACH, 600, STARS, "films", limit=200)
    log = log_of(folder)
    tried = [line for line in log if line["validation"] is not None]
    best = float(str(log[-1]["best"]))
    assert best > max(float(str(line["validation"])) for line in tried) - 0.02, "what is better is hardly so"
    validation = task_of(recommender, STARS, None, 200, 0).validation
    assert ndcg_per_example(recommender.backbone, validation, prompt).mean() == pytest.approx(best, abs=1e-4)
    ways = [line["way"] for line in log]
    assert ways[:6] == ["nothing", "words", "reword", "search", "tune directions", "tune"]
    average = next(line for line in log if line["way"] == "average")
    assert torch.allclose(kept(folder, average)["shift"], mean_of_best(folder, log[: ways.index("average")]), atol=1e-6)
    assert best > float(str(log[0]["validation"])) + 0.02
    assert prompt.card["test"]["ndcg@10"]["difference"]["value"] > 0
    report = (folder / "report.html").read_text()
    assert "<svg" in report
    assert report.count("<tr><td>") == len(log)
    assert recommender.backbone.fingerprint == before
    assert recommender.library.names() == ["loop"]


def test_what_luck_lifts_does_not_take_the_place_of_what_is_simpler() -> None:
    rng = np.random.default_rng(0)
    before = rng.random(200)
    luck = before + 0.3 * rng.normal(size=200)
    luck += before.mean() + 0.01 - luck.mean()
    run = SimpleNamespace(
        log=[{"step": step, "validation": 0.0} for step in range(3)],
        scores=lambda line: (before, luck, before + 0.01)[line["step"]],
        questions=SimpleNamespace(examples=SimpleNamespace(people=np.arange(200))),
    )
    assert _Run.best(cast(_Run, run))["step"] == 2, "ahead by as much, but for everybody"
    run.log = run.log[:2]
    assert _Run.best(cast(_Run, run))["step"] == 0


def test_only_vectors_of_one_size_are_averaged() -> None:
    """A prefix may enter every layer or the last."""
    prompts = [Prompt("x", "soft", "", "", {"prefix": torch.full((n, 2, 1, 1), value)}) for n, value in SIZED]
    run = SimpleNamespace(
        log=[{"step": step, "kind": "soft", "validation": 0.5 - 0.1 * step} for step in range(3)],
        load=lambda line: prompts[line["step"]],
    )
    made = _Run.averaged(cast(_Run, run))
    assert made is not None
    assert torch.equal(made.tensors["prefix"], torch.full((2, 2, 1, 1), 2.0))


def test_it_stops_at_the_target_and_a_new_run_begins_anew(fresh: Path) -> None:
    recommender = Recommender.load(fresh)
    _, folder = improve(recommender, Workspace(fresh), "soon", 0.01, 600, STARS, "films")
    assert [line["way"] for line in log_of(folder)] == ["nothing"]
    _, again = improve(recommender, Workspace(fresh), "soon", 0.01, 600, STARS, "films")
    assert again != folder
    assert recommender.library.versions("soon") == [1, 2]


def test_a_killed_run_goes_on_where_it_stopped(fresh: Path) -> None:
    running = subprocess.Popen([sys.executable, "-c", RUN, str(fresh)], stderr=subprocess.DEVNULL)
    log = None
    for _ in range(6_000):
        log = next(iter((fresh / "runs").glob("improve-loop-*/log.jsonl")), None)
        if log and len(log.read_text().splitlines()) >= 3:
            break
        assert running.poll() is None, "the run ended before it could be killed"
        time.sleep(0.1)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert log is not None
    with log.open("a") as out:
        out.write('{"step": 99, "cut')  # as a kill in the middle of a line leaves it
    done = [line for line in log.read_text().splitlines() if line.endswith("}")]
    assert 3 <= len(done) < 9
    assert not (fresh / "prompts").exists()
    recommender = Recommender.load(fresh)
    prompt, folder = improve(recommender, Workspace(fresh), "loop", BEYOND_REACH, 600, STARS, "films", limit=100)
    assert folder == log.parent
    assert log.read_text().splitlines()[: len(done)] == done
    assert len(log_of(folder)) > len(done)
    assert prompt.version == 1


@pytest.mark.parametrize("text", ["0.5", "ndcg@10=", "ndcg@10=2", "hr@10=0.1", "ndcg@10=x"])
def test_targets_without_sense_are_refused(text: str) -> None:
    with pytest.raises(PromptrecError, match="expected ndcg@10=NUMBER"):
        parse_target(text)


def test_budgets() -> None:
    assert [parse_budget(text) for text in ("90s", "20m", "1.5h")] == [90, 1200, 5400]
    for text in ("20", "m", "0m", "-1m"):
        with pytest.raises(PromptrecError, match="expected a time"):
            parse_budget(text)
