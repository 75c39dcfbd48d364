"""One byte a number: an eighth of the time of exact search, and next to nothing lost after scoring again."""

from __future__ import annotations

import faiss
import numpy as np

from promptrec.index.coded import CodedIndex
from promptrec.index.contract import Kind, Rows, Vectors

STEPS = 127
LANE = 16  # faiss leaves its vector instructions unused where the width is no multiple of it
CHUNK = 65_536


class Int8Index(CodedIndex):
    """Each of the d numbers is rounded to one of 255 steps between its extremes over the items."""

    kind: Kind = "int8"

    def __init__(self, vectors: Vectors) -> None:
        super().__init__(vectors)
        reach = np.maximum(self.vectors.max(axis=0), -self.vectors.min(axis=0))
        self._step: Vectors = (reach / STEPS).astype(np.float32)
        divisor = np.where(self._step > 0, self._step, 1)
        width = -(-self.vectors.shape[1] // LANE) * LANE
        self._codes = faiss.IndexScalarQuantizer(
            width, faiss.ScalarQuantizer.QT_8bit_direct_signed, faiss.METRIC_INNER_PRODUCT
        )
        for start in range(0, len(self.vectors), CHUNK):
            self._codes.add(self._padded(np.round(self.vectors[start : start + CHUNK] / divisor)))

    def _padded(self, vectors: Vectors) -> Vectors:
        return np.pad(vectors, ((0, 0), (0, self._codes.d - vectors.shape[1])))

    def candidates(self, k: int) -> int:
        return max(4 * k, 200)

    def _by_code(self, query: Vectors, count: int, only: faiss.SearchParameters | None) -> Rows:
        # At some widths faiss multiplies bytes with bytes, so the query is made of whole numbers of a byte as well.
        scaled = query * self._step
        scaled = np.round(scaled * (STEPS / max(float(np.abs(scaled).max()), 1e-30)))
        rows: Rows = self._codes.search(self._padded(scaled[None]), count, params=only)[1][0]
        return rows
