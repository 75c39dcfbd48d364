"""One bit a direction: sgn of the vectors, as in the article (section 3), for the least memory."""

from __future__ import annotations

import faiss
import numpy as np

from promptrec.index.coded import CodedIndex
from promptrec.index.contract import Kind, Rows, Vectors
from promptrec.seeding import generator

BITS = 512
CHUNK = 65_536
LEAST_CANDIDATES = 5_000


class BinaryIndex(CodedIndex):
    """The signs of 512 random projections (Charikar, Similarity estimation techniques from rounding algorithms, 2002),
    compared by how many differ.

    The plain signs of the article would compare a query's zeros, which say nothing, with what items have there; a
    projection spreads what a query does say over all signs. What all items have in common is taken away first: it
    changes no order.
    """

    kind: Kind = "binary"

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        self._centre: Vectors = self.vectors.mean(axis=0)
        width = self.vectors.shape[1]
        self._directions: Vectors = generator(0, "binary index").standard_normal((width, BITS), dtype=np.float32)
        self._codes = faiss.IndexBinaryFlat(BITS)
        for start in range(0, len(self.vectors), CHUNK):
            self._codes.add(self._signs(self.vectors[start : start + CHUNK] - self._centre))

    def candidates(self, k: int) -> int:
        return max(20 * k, LEAST_CANDIDATES)

    def _signs(self, vectors: Vectors) -> np.ndarray:
        return np.packbits(vectors @ self._directions > 0, axis=1)

    def _by_code(self, query: Vectors, count: int, only: faiss.SearchParameters | None) -> Rows:
        rows: Rows = self._codes.search(self._signs(query[None]), count, params=only)[1][0]
        return rows
