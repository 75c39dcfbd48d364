"""Attribute words with vectors of their own: which count, what new items get from them, saved and read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from contracts.world import World, permuted_world
from promptrec.backbone.item_words import MOST_OF_AN_ITEM, ItemWords
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.backbone.training import SHORT_HISTORIES, train_sequence
from promptrec.data.catalogue import Catalogue


@pytest.fixture(scope="module")
def world() -> World:
    return permuted_world(np.arange(45))


@pytest.fixture(scope="module")
def trained(world: World) -> SequenceBackbone:
    settings = replace(SHORT_HISTORIES, epochs=2)
    return train_sequence(world.split, world.catalogue, world.vectors, 0, settings)[0]


def shop(words: list[list[str]]) -> Catalogue:
    return Catalogue(pl.DataFrame({"id": [f"i{n}" for n in range(len(words))], "kind": words}))


def test_words_of_few_items_are_left_out_and_rare_ones_count_more() -> None:
    words = ItemWords.fit(shop([["soap"]] * 12 + [["soap", "OPI"]] * 5 + [["soap", "lonely"]] + [[]] * 2))
    assert words.words == (("kind", "soap"), ("kind", "OPI"))
    rows, weights = words.of(shop([["OPI", "soap", "unheard"], ["soap"], []]))
    assert rows.tolist() == [[1, 0], [0, 2], [2, 2]]
    assert weights[0, 0] > weights[0, 1] > 0
    torch.testing.assert_close(weights.norm(dim=1), torch.tensor([1.0, 1.0, 0.0]))


def test_of_an_item_with_many_words_the_rarest_count() -> None:
    many = [[f"w{n}" for n in range(row % 20 + 1)] for row in range(200)]
    words = ItemWords.fit(shop(many))
    rows, _ = words.of(shop([many[19]]))
    assert rows.shape == (1, MOST_OF_AN_ITEM)
    assert {words.words[int(row)][1] for row in rows[0]} == {f"w{n}" for n in range(4, 20)}


def test_a_new_item_is_read_by_its_words(trained: SequenceBackbone, world: World) -> None:
    """Two items without a text that says anything differ by what their words say alone."""
    new = pl.DataFrame({"id": ["new1", "new2"], "title": ["x", "x"], "genres": [["Comedy"], ["War"]]})
    catalogue = Catalogue(pl.concat([world.catalogue.items, new]))
    vectors = np.concatenate([world.vectors, np.zeros((2, 16), np.float32)])
    parts = trained._content_parts(catalogue, vectors, {})[-2:]
    own = trained.network.word.weight[[trained.words.words.index(("genres", kind)) for kind in ("Comedy", "War")]]
    torch.testing.assert_close(parts[0] - parts[1], own[0] - own[1])


def test_it_is_saved_and_read_again(trained: SequenceBackbone, world: World, tmp_path: Path) -> None:
    trained.save(tmp_path, {})
    again = SequenceBackbone.load(tmp_path, world.catalogue, world.vectors)
    assert again.fingerprint == trained.fingerprint
    assert torch.equal(again.encode_items(), trained.encode_items())


def test_other_words_are_another_backbone(trained: SequenceBackbone, world: World) -> None:
    words = ItemWords(trained.words.words[::-1], trained.words.rarity)
    other = SequenceBackbone(
        trained.network, trained.space, trained.trained, world.catalogue, world.vectors, words=words
    )
    assert other.fingerprint != trained.fingerprint
