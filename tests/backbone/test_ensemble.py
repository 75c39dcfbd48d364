"""Networks side by side: one network whose scores are the mean of theirs, whatever is asked of it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F

from contracts.backbone import BackboneContract
from contracts.world import World, permuted_world, small_world
from promptrec.backbone import training
from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.ensemble import side_by_side
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.network import ItemContent, NetworkConfig, SequenceNetwork
from promptrec.backbone.sequence import SequenceBackbone, item_content
from promptrec.backbone.settings import Settings
from promptrec.backbone.training import train_sequence
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import EMPTY
from promptrec.recommender import Recommender
from promptrec.serve.engine.packed import PackedSequence
from promptrec.training import train
from promptrec.workspace import Workspace

SHORT = Settings(3e-3, 64, epochs=2, factors=True, words=True, members=3)


@pytest.fixture(scope="module")
def world() -> World:
    return permuted_world(np.arange(45))


@pytest.fixture(scope="module")
def made(world: World) -> tuple[SequenceBackbone, dict[str, Any]]:
    return train_sequence(world.split, world.catalogue, world.vectors, 0, SHORT)


@pytest.fixture(scope="module")
def trained_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two networks that `train` made on the small world."""
    root = tmp_path_factory.mktemp("ensemble")
    small_world().save(Workspace(root).dataset)
    train(Workspace(root), members=2)
    return root


def networks(members: int, **sizes: Any) -> list[SequenceNetwork]:
    torch.manual_seed(0)
    found = [SequenceNetwork(NetworkConfig(20, 6, width=8, length=5, **sizes)).eval() for _ in range(members)]
    with torch.no_grad():
        for network in found:
            for weight in network.parameters():
                weight.add_(0.2 * torch.randn_like(weight))  # no bias is zero, no gate even, no norm as it began
    return found


@pytest.mark.parametrize("members", [2, 3])
@torch.inference_mode()
def test_its_scores_are_the_mean_of_theirs(members: int) -> None:
    own = networks(members, words=3, modalities={"image": 4})
    together = side_by_side(own)
    words = torch.randint(0, 4, (20, 2)), torch.rand(20, 2)
    pictures = torch.randn(20, 4)
    pictures[::3] = 0
    content = ItemContent(torch.randn(20, 6), {"image": pictures}, words)  # type: ignore[arg-type]
    rows, times = torch.randint(0, 21, (7, 5)), 1e6 * torch.rand(7, 5, dtype=torch.float64).cumsum(1)
    prefixes = [torch.randn(7, 2, 2, 3, 8) for _ in own]
    for given in ([None] * members, prefixes):
        cosines = []
        for network, prefix in zip(own, given, strict=True):
            items = network.item_vectors(content)
            cosines.append(network(items, rows, times, prefix) @ F.normalize(items, dim=-1).T)
        items = together.item_vectors(content)
        prefix = None if given[0] is None else torch.cat(given, dim=-1)  # type: ignore[arg-type]
        shares = F.normalize(items.view(20, members, 8), dim=-1).flatten(1) / members**0.5
        queries = together(items, rows, times, prefix)
        torch.testing.assert_close(queries.norm(dim=-1), torch.ones(7, 5))
        torch.testing.assert_close(queries @ shares.T, torch.stack(cosines).mean(dim=0))
    scales = torch.stack([network.log_scale.exp() for network in own])
    assert scales.std() > 0
    torch.testing.assert_close(together.log_scale.exp(), scales.mean())
    tokens = [torch.randn(3, 8) for _ in own]
    alone = [network.input_prefix(one) for network, one in zip(own, tokens, strict=True)]
    torch.testing.assert_close(together.input_prefix(torch.cat(tokens, dim=-1)), torch.cat(alone, dim=-1))


def test_its_networks_differ_and_its_card_says_what_each_is(made: tuple[SequenceBackbone, dict[str, Any]]) -> None:
    backbone, facts = made
    shares = backbone.network.state_dict()["norm.weight"].chunk(3)
    assert not torch.equal(shares[0], shares[1])
    assert not torch.equal(shares[1], shares[2])
    assert [point["member"] for point in facts["curve"]] == [0, 0, 1, 1, 2, 2]
    for member, best in enumerate(facts["members_ndcg@10"]):
        points = [point["validation_ndcg@10"] for point in facts["curve"] if point["member"] == member]
        assert best == max(points) == points[facts["best_epoch"][member]]


def test_its_first_network_is_the_one_that_would_be_alone(
    world: World, made: tuple[SequenceBackbone, dict[str, Any]]
) -> None:
    alone, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, replace(SHORT, members=1))
    width = alone.network.config.width
    assert torch.equal(made[0].network.item_id.weight[:, :width], alone.network.item_id.weight)


def test_it_is_saved_read_and_served_as_it_is(
    world: World, made: tuple[SequenceBackbone, dict[str, Any]], tmp_path: Path
) -> None:
    backbone, facts = made
    backbone.save(tmp_path, facts)
    again = load_backbone(tmp_path, world.catalogue, world.vectors)
    assert again.fingerprint == backbone.fingerprint
    people = [EMPTY, *(world.split.histories.of(person) for person in range(6))]
    right = backbone.encode(people, [{}] * len(people))
    assert torch.equal(again.encode(people, [{}] * len(people)), right)
    assert isinstance(again, SequenceBackbone)
    shape = again.prompt_shape
    prefix = {"prefix": torch.randn(shape.layers, 2, shape.tokens, shape.width)}
    for tensors in ({}, prefix):
        right = backbone.encode(people, [tensors] * len(people))
        packed = PackedSequence(again).encode(people, [tensors] * len(people))
        torch.testing.assert_close(packed, right, rtol=1e-4, atol=1e-5)


def test_it_scores_as_the_evaluation_of_training_did(
    world: World, made: tuple[SequenceBackbone, dict[str, Any]]
) -> None:
    """What the service reads of items, the length of each share apart, is what the network read in training."""
    backbone, _ = made
    network = backbone.network
    rows = torch.arange(len(world.catalogue))
    content = item_content(backbone.space, backbone.words, world.catalogue, world.vectors, None)
    torch.testing.assert_close(backbone.read(rows), network.item_vectors(content))
    person = world.split.histories.of(0)
    scores = backbone.encode([person], [{}]) @ backbone.encode_items().T
    torch.testing.assert_close(scores, training._scores(network, content, [person]))


def test_a_training_that_was_cut_off_goes_on_in_the_network_where_it_was(
    world: World, made: tuple[SequenceBackbone, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated, calls = training.next_item_ndcg, 0

    class CutOffError(Exception):
        pass

    def cut_off(*given: Any) -> float:
        nonlocal calls
        calls += 1
        if calls == 4:  # in the second epoch of the second network
            raise CutOffError
        return float(validated(*given))

    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", {"data_hash": "d"})
    monkeypatch.setattr(training, "next_item_ndcg", cut_off)
    (tmp_path / "checkpoint-mine.safetensors").touch()
    given = (world.split, world.catalogue, world.vectors, 0, SHORT, checkpoint)
    with pytest.raises(CutOffError):
        train_sequence(*given)
    monkeypatch.setattr(training, "next_item_ndcg", validated)
    seen: list[int] = []
    batches = training._batches
    monkeypatch.setattr(training, "_batches", lambda *own: seen.append(1) or batches(*own))  # type: ignore[func-returns-value]
    assert train_sequence(*given)[0].fingerprint == made[0].fingerprint
    assert len(seen) == 3, "an epoch of the second network and two of the third"
    checkpoint.remove()
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-mine.safetensors"]


class TestEnsemble(BackboneContract):
    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, trained_root: Path) -> Recommender:
        return Recommender.load(trained_root)


@pytest.mark.parametrize("placed", [True, False])
def test_new_items_are_read_at_the_lengths_of_each_network(placed: bool, trained_root: Path) -> None:
    """A network whose trained items are ten times as long reads new ones ten times as long, too."""
    own = Recommender.load(trained_root)
    trained = own.backbone
    assert isinstance(trained, SequenceBackbone)
    assert trained.placement is not None
    state = {name: weight.clone() for name, weight in trained.network.state_dict().items()}
    width = trained.network.config.width // 2
    for name in ("item_id.weight", "word.weight"):
        if name in state:
            state[name][:, width:] *= 10
    state["project_content.weight"][width:] *= 10
    network = SequenceNetwork(trained.network.config)
    network.load_state_dict(state)
    items = own.catalogue.items
    catalogue = Catalogue(items.vstack(items[[0]].with_columns(id=pl.lit("C0 again"))))
    vectors = np.concatenate([own.vectors, own.vectors[:1]])
    placement = trained.placement if placed else None
    louder = SequenceBackbone(
        network, trained.space, trained.trained, catalogue, vectors, None, trained.words, placement
    )
    new = louder.read(torch.tensor([len(items)]))[0]
    assert 5 < new[width:].norm() / new[:width].norm() < 20


def test_train_makes_one_that_answers_requests(trained_root: Path) -> None:
    recommender = Recommender.load(trained_root)
    assert not list((trained_root / "backbone").glob("checkpoint*"))
    config = json.loads((trained_root / "backbone" / "1" / "config.json").read_text())
    assert config["network"]["members"] == config["card"]["settings"]["members"] == 2
    card = (trained_root / "backbone" / "1" / "README.md").read_text()
    assert "| members | 2 |" in card
    assert card.count("    validation NDCG@10  ") == card.count("    training loss       ") == 2
    assert "(chose epoch {} and {})".format(*config["card"]["best_epoch"]) in card
    asked = recommender.recommend([], request="war films", k=5)
    genres = dict(recommender.catalogue.items.select("id", "genres").iter_rows())
    assert all("War" in genres[item.id] for item in asked.items)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--members", "0"), "--members: expected a number of networks from 1 up, found 0"),
        (("--members", "2", "--backbone", "factorization"), "--members: only --backbone sequence has several"),
        (("--members", "2", "--backbone", "language"), "--members: the language backbone is not trained on events"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    small_world().save(Workspace(tmp_path).dataset)
    program = [sys.executable, "-c", "from promptrec.cli import main; main()"]
    done = subprocess.run([*program, "train", "-w", str(tmp_path), *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
