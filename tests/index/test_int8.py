from __future__ import annotations

import numpy as np

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
