"""Where new items stand: by what tells of them, not by what tells nothing, and as it was saved."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from contracts.world import KINDS, World, permuted_world, query, rows_of
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.placement_fit import Encode, fit_placement, with_placement
from promptrec.backbone.sequence import SequenceBackbone, item_content
from promptrec.backbone.settings import Settings
from promptrec.backbone.training import train_sequence
from promptrec.backbone.views import views_of, word_vectors
from promptrec.content.encoder import Vectors
from promptrec.content.items import encode_content
from promptrec.data.catalogue import Catalogue
from promptrec.data.split import Split
from promptrec.errors import PromptrecError


@pytest.fixture(scope="module")
def world() -> World:
    """The small world with a fifth of its films kept out and no attributes."""
    world = permuted_world(np.arange(45))
    return World(Split.of(world.split.histories, 0, items_out=0.2), plain(world.catalogue), world.vectors)


def plain(catalogue: Catalogue) -> Catalogue:
    return Catalogue(catalogue.items.drop("genres"))


@pytest.fixture(scope="module")
def noise() -> Vectors:
    return np.random.default_rng(1).normal(size=(45, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def trained(world: World) -> SequenceBackbone:
    plain, _ = train_sequence(world.split, world.catalogue, world.vectors, 0, Settings(3e-3, 64, epochs=12))
    assert plain.placement is None, "one view alone is not weighed"
    return with_placement(plain, world.split, world.vectors, None)


def told_apart(backbone: SequenceBackbone, cold: np.ndarray) -> float:
    """How often a film kept out is ahead of one of another kind for people who watch its own."""
    won = []
    for kind in KINDS:
        own = rows_of(backbone.catalogue, kind)
        seen = [backbone.catalogue.ids[row] for row in np.setdiff1d(own, cold)][:4]
        scores = backbone.score([query(backbone.catalogue, *seen)])[0]
        won.append((scores[np.intersect1d(cold, own)][:, None] > scores[np.setdiff1d(cold, own)]).mean())
    return float(np.mean(won))


def weights(backbone: SequenceBackbone) -> dict[str, float]:
    assert backbone.placement is not None
    return {name: view.weight for name, view in backbone.placement.views.items()}


def test_what_tells_nothing_does_not_harm(world: World, noise: Vectors, trained: SequenceBackbone) -> None:
    seeing = with_placement(trained, world.split, world.vectors, {"image": noise})
    assert weights(trained) == {"text": 1.0}
    assert told_apart(seeing, world.split.cold) >= told_apart(trained, world.split.cold) - 0.05 > 0.85


def test_a_new_item_stands_among_those_with_its_attributes(
    world: World, noise: Vectors, trained: SequenceBackbone
) -> None:
    """Texts are noise: the words alone say of what kind a film is."""
    labelled, known = permuted_world(np.arange(45)).catalogue, np.setdiff1d(np.arange(45), world.split.cold)
    width = trained.network.config.width
    keys = trained.encode_items(known)[:, :width].cpu()
    placed = {}
    for name, catalogue in (("blind", world.catalogue), ("knowing", labelled)):
        views = views_of(catalogue, noise, None, known)
        placement = fit_placement(world.split, views, known, keys, encode(trained), trained.scale)
        assert placement is not None
        placed[name], _ = placement.place(views, torch.from_numpy(world.split.cold), torch.from_numpy(known), keys)
    assert nearest_kinds(placed["knowing"], keys, world) > 0.9
    assert nearest_kinds(placed["blind"], keys, world) < 0.8


def encode(backbone: SequenceBackbone) -> Encode:
    width = backbone.network.config.width
    return lambda histories: backbone.encode(histories, [{}] * len(histories))[:, :width]


def nearest_kinds(placed: torch.Tensor, keys: torch.Tensor, world: World) -> float:
    """The share of films kept out that stand nearer, in the mean, to their own kind than to any other."""
    kinds = np.repeat(np.arange(3), 15)
    known = np.setdiff1d(np.arange(45), world.split.cold)
    near = torch.stack([(placed @ keys[kinds[known] == kind].T).mean(dim=-1) for kind in range(3)], dim=-1)
    return float((near.argmax(dim=-1).numpy() == kinds[world.split.cold]).mean())


def test_an_item_of_which_nothing_is_known_has_a_place(world: World, trained: SequenceBackbone) -> None:
    centre = trained.space.centre.numpy()
    assert trained.placement is not None
    nowhere = np.where(np.isin(np.arange(45), world.split.cold)[:, None], 0 * centre, world.vectors).astype(np.float32)
    keys = trained.over(world.catalogue, nowhere).encode_items()[world.split.cold]
    width = trained.network.config.width
    base = torch.nn.functional.normalize(trained.placement.base, dim=-1)
    torch.testing.assert_close(keys[:, :width].cpu(), base.expand(len(keys), -1))


def test_a_placed_item_is_read_at_its_plain_place_and_a_trained_one_at_its_own(
    world: World, trained: SequenceBackbone
) -> None:
    cold, known = world.split.cold, np.setdiff1d(np.arange(45), world.split.cold)
    width, network = trained.network.config.width, trained.network
    rows = torch.from_numpy(np.concatenate([known[:3], cold, known[3:]]))
    own = network.item_vectors(item_content(trained.space, trained.words, world.catalogue, world.vectors, None))
    read = trained.read(rows)
    is_cold = torch.from_numpy(np.isin(rows.numpy(), cold))
    torch.testing.assert_close(read[~is_cold], own[rows[~is_cold]], rtol=1e-4, atol=1e-5)
    assert trained.placement is not None
    views = views_of(world.catalogue, world.vectors, None, known)
    keys = trained.encode_items(known)[:, :width]
    _, plain = trained.placement.place(views, torch.from_numpy(cold), torch.from_numpy(known), keys)
    length = own[torch.from_numpy(known)].norm(dim=-1).mean()
    torch.testing.assert_close(read[is_cold], plain * length, rtol=1e-4, atol=1e-5)


def test_it_is_read_as_it_was_saved_and_models_without_one_are_read(
    world: World, trained: SequenceBackbone, tmp_path: Path
) -> None:
    trained.save(tmp_path, {})
    again = load_backbone(tmp_path, world.catalogue, world.vectors)
    assert torch.equal(again.encode_items(), trained.encode_items())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({key: own for key, own in config.items() if key != "placement"}))
    before = load_backbone(tmp_path, world.catalogue, world.vectors)
    assert before.fingerprint == trained.fingerprint
    assert isinstance(before, SequenceBackbone)
    assert before.placement is None
    assert told_apart(before, world.split.cold) > 0.9
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "placement.safetensors").write_bytes(b"nothing")
    with pytest.raises(PromptrecError, match=r"placement\.safetensors: the placement cannot be read"):
        load_backbone(tmp_path, world.catalogue, world.vectors)


def test_the_same_data_give_the_same_placement(world: World, trained: SequenceBackbone) -> None:
    again = with_placement(trained, world.split, world.vectors, None)
    assert torch.equal(again.encode_items(), trained.encode_items())


def test_too_little_to_fit_on_gives_none(world: World, trained: SequenceBackbone) -> None:
    few = replace(world.split, training=world.split.training[:10], validation=world.split.validation[:0])
    assert with_placement(trained, few, world.vectors, None).placement is None


def test_words_are_as_like_as_they_are_shared_and_rare() -> None:
    words = [["A", "x"], ["A", "y"], ["B", "x"], ["B", "y"], [], ["A", "x"], ["only here", "x"], ["B", "x"]]
    catalogue = Catalogue(pl.DataFrame({"id": [str(n) for n in range(8)], "words": words}))
    vectors = word_vectors(catalogue, np.arange(8))
    assert vectors is not None
    assert not vectors[4].any()
    cosines = np.corrcoef(vectors[[0, 1, 2, 3, 5]])
    assert cosines[0, 4] > 0.999
    assert cosines[0, 1] > cosines[0, 2] + 0.1, "fewer have A than x"
    assert abs(cosines[0, 3]) < 0.15


def test_titles_and_descriptions_are_read_apart(tmp_path: Path) -> None:
    class Letters:
        name, width = "letters", 26

        def encode(self, texts: list[str]) -> Vectors:
            counts = [[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts]
            return np.array(counts, dtype=np.float32)

    items = {"id": ["1", "2"], "title": ["aa", "bb"], "year": [1999, None], "description": ["ccc", None]}
    content = encode_content(tmp_path, Catalogue(pl.DataFrame(items)), {"text": "offline"}, Letters())
    assert set(content.others) == {"title", "description"}
    assert content.others["title"][0].argmax() == 0
    assert content.others["description"][:, 2].tolist() == [3, 0]
    titles = Catalogue(pl.DataFrame(items).drop("description"))
    assert encode_content(tmp_path, titles, {"text": "offline"}, Letters()).others == {}
