from __future__ import annotations

import numpy as np

from contracts.item_index import ItemIndexContract, Vectors, vectors
from promptrec.index.binary import BinaryIndex
from promptrec.index.contract import ItemIndex


class TestBinary(ItemIndexContract):
    least_recall = 0.98

    @classmethod
    def build(cls, vectors: Vectors) -> ItemIndex:
        return BinaryIndex(vectors)


def test_a_query_that_is_silent_in_half_of_its_numbers_is_answered() -> None:
    items = vectors(20_000, seed=1)
    queries = vectors(10, seed=2) * (np.arange(48) < 24)
    best = np.argsort(-(queries @ items.T), axis=1)[:, :10]
    found = BinaryIndex(items).search(queries, 10)[0]
    assert np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found, best, strict=True)]) >= 0.98
