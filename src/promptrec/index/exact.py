"""Every item is scored: right up to some hundred thousand items."""

from __future__ import annotations

import numpy as np
import torch

from promptrec.index.contract import Found, ItemIndex, Kind, Mask, Rows, Vectors, best_of


class ExactIndex(ItemIndex):
    kind: Kind = "exact"

    def _nearest(self, query: Vectors, k: int, out: Rows, allow: Mask | None) -> Found:
        scores = torch.mv(self._tensor, torch.from_numpy(query)).numpy()
        scores[out] = -np.inf
        if allow is not None:
            scores[~allow[: len(scores)]] = -np.inf
        rows, best = best_of(np.arange(len(scores)), scores, k)
        there = best > -np.inf
        return rows[there], best[there]
