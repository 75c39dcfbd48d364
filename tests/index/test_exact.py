from __future__ import annotations

from contracts.item_index import ItemIndexContract, Vectors
from promptrec.index.contract import ItemIndex
from promptrec.index.exact import ExactIndex


class TestExact(ItemIndexContract):
    @classmethod
    def build(cls, vectors: Vectors) -> ItemIndex:
        return ExactIndex(vectors)
