"""Training resumes, stops early, catches what is not finite, searches settings, and says in its card what it did."""

from __future__ import annotations

import builtins
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from contracts.world import World, permuted_world, small_world
from promptrec.backbone import training, validation
from promptrec.backbone.checkpoint import Checkpoint, Run
from promptrec.backbone.factorization import training as factorization
from promptrec.backbone.fitting import fit
from promptrec.backbone.settings import Settings
from promptrec.backbone.settings_search import search_settings
from promptrec.backbone.training import train_sequence
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.prompt.query import Query
from promptrec.training import plotted
from promptrec.workspace import Workspace

TRAINERS = [(training, "train_sequence"), (factorization, "train_factorization")]


@pytest.fixture(scope="module")
def world() -> World:
    return permuted_world(np.arange(45))


def command(root: Path, *options: str) -> list[str]:
    return [sys.executable, "-c", "from promptrec.cli import main; main()", "train", "-w", str(root), *options]


def single() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def without_seconds(curve: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in point.items() if name != "seconds"} for point in curve]


def test_a_killed_training_goes_on_to_the_same_model(tmp_path: Path) -> None:
    """Bit for bit, request encoder and all, on one thread."""
    found = {}
    for name in ("whole", "killed"):
        root = tmp_path / name
        small_world().save(Workspace(root).dataset)
        checkpoint = root / "backbone" / "checkpoint.safetensors"
        if name == "killed":
            with (tmp_path / "log").open("w") as log:
                process = subprocess.Popen(command(root), stdout=log, stderr=log, env=single())
                while not checkpoint.exists() and process.poll() is None:
                    time.sleep(0.001)
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL, "it was to be killed, not to end"
            assert checkpoint.exists()
            assert not (root / "backbone" / "current").exists()
        done = subprocess.run(command(root, "--json"), capture_output=True, text=True, env=single(), check=True)
        assert ("training goes on after epoch" in done.stderr) == (name == "killed")
        assert not checkpoint.exists(), "it is removed when training has ended"
        config = json.loads((root / "backbone" / "1" / "config.json").read_text())["card"]
        requests = next((root / "backbone" / "1").glob("request*.safetensors")).read_bytes()
        found[name] = (json.loads(done.stdout)["fingerprint"], without_seconds(config["curve"]), requests)
    assert found["whole"][0] == found["killed"][0]
    assert found["whole"] == found["killed"]


@pytest.mark.parametrize(("module", "trainer"), TRAINERS, ids=["sequence", "factorization"])
def test_both_backbones_go_on_from_any_epoch(
    module: Any, trainer: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EPOCHS", 5)
    train = getattr(module, trainer)
    whole, facts = train(world.split, world.catalogue, world.vectors, 0)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", {"data_hash": "d"})

    class CutOffError(Exception):
        pass

    validated = module.next_item_ndcg
    calls = 0

    def cut_off(*given: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise CutOffError
        return float(validated(*given))

    monkeypatch.setattr(module, "next_item_ndcg", cut_off)
    with pytest.raises(CutOffError):
        train(world.split, world.catalogue, world.vectors, 0, checkpoint=checkpoint)
    monkeypatch.setattr(module, "next_item_ndcg", validated)
    torch.manual_seed(99)
    resumed, again = train(world.split, world.catalogue, world.vectors, 0, checkpoint=checkpoint)
    assert resumed.fingerprint == whole.fingerprint
    assert without_seconds(again["curve"]) == without_seconds(facts["curve"])
    assert again["test_ndcg@10"] == facts["test_ndcg@10"]
    # All epochs are done: only the best state is taken from the file.
    monkeypatch.setattr(module, "_batches", None)
    assert train(world.split, world.catalogue, world.vectors, 0, checkpoint=checkpoint)[0].fingerprint == (
        whole.fingerprint
    )


@pytest.mark.parametrize("change", ["data", "seed", "settings", "broken"])
def test_a_checkpoint_of_another_training_is_left_unread(
    change: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(training, "EPOCHS", 1)
    own = Checkpoint(tmp_path / "checkpoint.safetensors", {"data_hash": "d", "seed": 0})
    train_sequence(world.split, world.catalogue, world.vectors, 0, checkpoint=own)
    other, settings = own, None
    if change == "data":
        other = own.of(data_hash="e")
    elif change == "seed":
        other = own.of(seed=1)
    elif change == "settings":
        settings = Settings(1e-3, 64)
    else:
        own.file.write_bytes(own.file.read_bytes()[:-10])
    alone, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, settings)
    capsys.readouterr()
    beside, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, settings, other)
    said = " ".join(capsys.readouterr().err.split())
    assert "training starts anew" in said
    assert {"data": "data_hash", "seed": "seed", "settings": "settings", "broken": "cannot be read"}[change] in said
    assert beside.fingerprint == alone.fingerprint


@pytest.mark.parametrize(("module", "trainer"), TRAINERS, ids=["sequence", "factorization"])
def test_a_loss_that_is_not_finite_stops_training_with_one_line(
    module: Any, trainer: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEARNING_RATE", 1e30)
    with pytest.raises(PromptrecError, match=r"the loss became (nan|inf) in epoch \d+; lower the learning rate"):
        getattr(module, trainer)(world.split, world.catalogue, world.vectors, 0)


def test_training_stops_when_nothing_gets_better_and_keeps_the_best() -> None:
    network = torch.nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    scores = iter([0.1, 0.3, 0.2, 0.2, 0.9])
    seen = []

    def validate() -> float:
        seen.append(network.weight.item())
        return next(scores)

    facts = fit(
        Run(network, optimizer, schedule, np.random.default_rng(0), epoch=-1),
        batches=lambda: [1.0],
        loss=lambda batch: (network.weight * batch).sum(),
        validate=validate,
        epochs=5,
        patience=2,
        checkpoint=None,
    )
    assert [point["validation_ndcg@10"] for point in facts["curve"]] == [0.1, 0.3, 0.2, 0.2]
    assert facts["best_epoch"] == 1
    assert network.weight.item() == seen[1]


@pytest.mark.parametrize("full", [5_000, 10], ids=["full softmax", "sampled"])
def test_held_out_items_are_no_wrong_answers(full: int, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever their content vectors are, the loss and the id parts of the others are the same."""
    split = Split.of(world.split.everything, 0, items_out=0.2)
    assert len(split.cold) == 9
    monkeypatch.setattr(training, "EPOCHS", 1)
    monkeypatch.setattr(training, "FULL_SOFTMAX_ITEMS", full)
    monkeypatch.setattr(training.ContentSpace, "content", lambda _, vectors: torch.from_numpy(vectors))
    losses = []
    for factor in (1, -7):
        vectors = world.vectors.copy()
        vectors[split.cold] *= factor
        backbone, facts = train_sequence(split, world.catalogue, vectors, 0)
        losses.append(facts["curve"][0]["loss"])
        assert not backbone.network.item_id.weight[split.cold].any()
    assert losses[0] == losses[1]


def test_validation_asks_a_bounded_number_of_people(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = world.split.asked("validation")
    assert validation.some(asked, 0) is asked
    monkeypatch.setattr(validation, "MOST_QUESTIONS", 20)
    some, again, other = (validation.some(asked, seed) for seed in (0, 0, 1))
    assert len(some) == 20
    assert some.people.tolist() == again.people.tolist() != other.people.tolist()
    assert set(some.people) <= set(asked.people)


def test_items_that_start_at_factors_are_ranked_well_without_training(world: World) -> None:
    noise = np.random.default_rng(1).normal(size=world.vectors.shape).astype(np.float32)
    found = {}
    for factors in (False, True):
        untrained = Settings(1e-9, 1_024, epochs=1, factors=factors)
        found[factors] = train_sequence(world.split, world.catalogue, noise, 0, untrained)[1]["validation_ndcg@10"]
    assert found[True] > 0.3 > 0.15 > found[False]


def test_who_is_new_is_not_taken_for_one_whose_history_ends() -> None:
    """Everybody watches six early films, then six late ones."""
    rng = np.random.default_rng(3)
    order = np.concatenate([rng.permuted(np.tile(np.arange(n, n + 20), (150, 1)), axis=1)[:, :6] for n in (0, 20)], 1)
    events = [
        (f"p{person}", f"f{film}", 1000.0 * place, "view", 1.0, 1.0, None)
        for person, films in enumerate(order)
        for place, film in enumerate(films)
    ]
    items = pl.DataFrame({"id": [f"f{n}" for n in range(40)], "title": ["a film"] * 40})
    dataset = Dataset(pl.DataFrame(events, schema=EVENT_COLUMNS, orient="row"), items, None, {"name": "two-times"})
    split, vectors = Split.of(dataset.histories, 0), rng.normal(size=(40, 16)).astype(np.float32)
    new = [Query(history.last(2)) for history in split.cold_people(split.validation, (2,))]
    early = {}
    for cut in (0.0, 0.5):
        settings = Settings(3e-3, 64, epochs=8, cut=cut)
        scores = train_sequence(split, dataset.catalogue, vectors, 0, settings)[0].score(new)
        early[cut] = (np.argsort(-scores, axis=1)[:, :10] < 20).mean()
    assert early[0.5] > 0.8 > 0.65 > early[0.0]


def test_a_search_tries_settings_resumes_and_keeps_the_best(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    monkeypatch.setattr(training, "EPOCHS", 1)
    tried: list[Settings] = []

    def train(*given: Any, **more: Any) -> Any:
        tried.append(given[4])
        return train_sequence(*given, **more)

    def search(trials: int, folder: str) -> Any:
        checkpoint = Checkpoint(tmp_path / folder / "checkpoint.safetensors", {"data_hash": "d"})
        own = training.suited(world.split)
        return search_settings(train, own, trials, world.split, world.catalogue, world.vectors, 0, checkpoint)

    backbone, facts = search(4, "one")
    assert tried[0] == training.suited(world.split), "the default is one of the candidates"
    assert len({repr(settings) for settings in tried}) == 4
    values = [trial["validation_ndcg@10"] for trial in facts["searched"]]
    assert facts["validation_ndcg@10"] == max(values)
    best = tried[values.index(max(values))]
    assert train_sequence(world.split, world.catalogue, world.vectors, 0, best)[0].fingerprint == backbone.fingerprint
    first = list(tried)
    tried.clear()
    search(2, "two")
    again, _ = search(4, "two")
    assert tried[:4] == first, "the same are proposed, and what was tried is not tried again"
    assert tried[4:] in ([], [best])
    assert again.fingerprint == backbone.fingerprint


def test_a_search_without_optuna_says_what_to_install(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *given: Any, **more: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    given = (Settings(1e-3, 64), 2, world.split, world.catalogue, world.vectors, 0)
    with pytest.raises(PromptrecError, match=r"pip install 'promptrec\[search\]'"):
        search_settings(train_sequence, *given, Checkpoint(tmp_path / "checkpoint.safetensors", {}))


def test_the_card_says_what_was_trained_and_how(trained: Path) -> None:
    folder = trained / "backbone" / "1"
    card = (folder / "README.md").read_text(encoding="utf-8")
    facts = json.loads((folder / "config.json").read_text())["card"]
    for expected in (
        facts["data_hash"][:16],
        f"torch {torch.__version__}",
        f"{facts['test_ndcg@10']:.4f}",
        f"| learning_rate | {facts['settings']['learning_rate']} |",
        f"| width | {facts['settings']['network']['width']} |",
        f"on {facts['device']}",
        plotted([point["validation_ndcg@10"] for point in facts["curve"]]),
    ):
        assert expected in card
    assert facts["seconds"] > 0


def test_a_curve_is_a_line_of_blocks() -> None:
    assert plotted([0.0, 0.5, 1.0]) == "▁▅█  0.0000 to 1.0000"
    assert plotted([0.2, 0.2]) == "▁▁  0.2000 to 0.2000"
    assert plotted([]) == "no epochs"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_products_are_bfloat16_and_the_model_learns(world: World) -> None:
    kinds = set()
    hook = torch.nn.modules.module.register_module_forward_hook(
        lambda module, _, out: kinds.add((module.training, out.dtype)) if isinstance(module, torch.nn.Linear) else None
    )
    try:
        backbone, facts = train_sequence(world.split, world.catalogue, world.vectors, 0)
    finally:
        hook.remove()
    assert kinds == {(True, torch.bfloat16), (False, torch.float32)}
    assert next(backbone.network.parameters()).dtype == torch.float32
    assert facts["device"] == "cuda"
    assert facts["validation_ndcg@10"] > 0.5
