"""Several modalities in the sequence backbone: any may be missing, and new items are known by whatever they have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from contracts.world import World, permuted_world, query, rows_of
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.network import ItemContent, NetworkConfig, SequenceNetwork
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.backbone.settings import Settings
from promptrec.backbone.training import train_sequence
from promptrec.content.encoder import Vectors
from promptrec.data.split import Split

QUICK = Settings(3e-3, 64, epochs=12)


@pytest.fixture(scope="module")
def world() -> World:
    """The small world with a fifth of its films kept out, so that only content can tell what they are."""
    world = permuted_world(np.arange(45))
    split = Split.of(world.split.histories, 0, items_out=0.2)
    return World(split, world.catalogue, world.vectors)


@pytest.fixture(scope="module")
def noise(world: World) -> Vectors:
    return np.random.default_rng(1).normal(size=world.vectors.shape).astype(np.float32)


@pytest.fixture(scope="module")
def seeing(world: World, noise: Vectors) -> SequenceBackbone:
    """Texts say nothing, pictures say what kind a film is; every third film has none."""
    pictures = world.vectors.copy()
    pictures[::3] = 0
    return train_sequence(world.split, world.catalogue, noise, 0, QUICK, others={"image": pictures})[0]


def told_apart(backbone: SequenceBackbone, world: World, cold: np.ndarray) -> float:
    """How often a cold film of the person's kind is ahead of a cold film of another."""
    won = []
    for kind in ("Comedy", "War", "Romance"):
        own = rows_of(world.catalogue, kind)
        seen = [world.catalogue.ids[row] for row in np.setdiff1d(own, world.split.cold)][:4]
        scores = backbone.score([query(world.catalogue, *seen)])[0]
        mine, theirs = np.intersect1d(cold, own), np.setdiff1d(cold, own)
        won.append((scores[mine][:, None] > scores[theirs]).mean())
    return float(np.mean(won))


def test_new_items_are_known_by_their_pictures(world: World, noise: Vectors, seeing: SequenceBackbone) -> None:
    whole = seeing.over(world.catalogue, noise, {"image": world.vectors})
    blind, _ = train_sequence(world.split, world.catalogue, noise, 0, QUICK)
    assert told_apart(whole, world, world.split.cold) > 0.9
    assert told_apart(blind, world, world.split.cold) < 0.75


def test_an_item_may_lack_any(world: World, noise: Vectors, seeing: SequenceBackbone) -> None:
    for others in (None, {}, {"image": np.zeros_like(world.vectors)}):
        without = seeing.over(world.catalogue, noise, others)
        assert torch.isfinite(without.encode_items()).all()
        assert without.fingerprint == seeing.fingerprint
    pictures_alone = seeing.over(
        world.catalogue, np.tile(seeing.space.centre.numpy(), (45, 1)), {"image": world.vectors}
    )
    assert told_apart(pictures_alone, world, world.split.cold) > 0.9


def test_it_is_read_again_as_it_was_saved(
    world: World, noise: Vectors, seeing: SequenceBackbone, tmp_path: Path
) -> None:
    seeing.save(tmp_path, {})
    others = {"image": world.vectors}
    again = load_backbone(tmp_path, world.catalogue, noise, others)
    assert again.fingerprint == seeing.fingerprint
    assert torch.equal(again.encode_items(), seeing.over(world.catalogue, noise, others).encode_items())


def test_missing_parts_leave_their_weight_to_the_others() -> None:
    torch.manual_seed(0)
    network = SequenceNetwork(NetworkConfig(items=3, content_width=4, width=8, heads=2, modalities={"image": 5})).eval()
    text, image = torch.randn(3, 4), torch.randn(3, 5)
    image[1] = 0
    text[2], image[2] = 0, 0
    parts = network.content_parts(ItemContent(text, {"image": image}))
    torch.testing.assert_close(parts[1], network.project_content(text[1]))
    assert not parts[2].any()


def test_without_other_modalities_there_is_no_gate(world: World) -> None:
    one, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, Settings(3e-3, 64, epochs=1))
    other, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, Settings(3e-3, 64, epochs=1), others={})
    assert one.fingerprint == other.fingerprint
    assert not [name for name, _ in one.network.named_parameters() if "gate" in name or "others" in name]


def test_a_place_has_the_directions_of_each_modality(world: World) -> None:
    space = ContentSpace.fit(world.catalogue, world.vectors, {"image": world.vectors, "audio": world.vectors[:, :3]})
    place = space.place(world.catalogue, world.vectors, {"image": world.vectors})
    assert place.shape == (45, space.width)
    assert space.start_of("image") - space.start_of("audio") == 3
    assert not place[:, space.start_of("audio") : space.start_of("image")].any()
    assert place[:, space.start_of("image") :].any()
