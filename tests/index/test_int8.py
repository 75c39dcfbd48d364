from __future__ import annotations

import numpy as np
import pytest

from contracts.item_index import ItemIndexContract, Vectors, vectors
from promptrec.index.contract import ItemIndex
from promptrec.index.int8 import Int8Index


class TestInt8(ItemIndexContract):
    least_recall = 0.999

    @classmethod
    def build(cls, vectors: Vectors) -> ItemIndex:
        return Int8Index(vectors)


def test_numbers_of_very_different_size_keep_their_steps() -> None:
    items = vectors(2_000, seed=1) * np.where(np.arange(48) < 24, 1e-3, 1).astype(np.float32)
    items[:, 5] = 0
    query = np.where(np.arange(48) < 24, 1, 0).astype(np.float32)
    best = np.argsort(-(items @ query))[:20]
    assert set(Int8Index(items).search(query[None], 20)[0][0]) == set(best)


def test_a_query_of_the_first_block_alone_finds_the_same() -> None:
    items = np.random.default_rng(1).standard_normal((3_000, 200), dtype=np.float32)
    query = np.random.default_rng(2).standard_normal((2, 200), dtype=np.float32)
    query[0, 64:] = 0
    query[1, 65:] = 0
    for own, found in zip(query, Int8Index(items).search(query, 20)[0], strict=True):
        assert found.tolist() == np.argsort(-(items @ own))[:20].tolist()


@pytest.mark.parametrize("width", [1, 7, 33, 64, 210, 224, 256])
def test_any_width_is_taken(width: int) -> None:
    items = np.random.default_rng(1).standard_normal((3_000, width), dtype=np.float32)
    query = np.random.default_rng(2).standard_normal((1, width), dtype=np.float32)
    found = Int8Index(items).search(query, 5)[0][0]
    assert found.tolist() == np.argsort(-(items @ query[0]))[:5].tolist()
