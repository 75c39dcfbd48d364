"""Every item is scored: right up to some hundred thousand items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from promptrec.index.contract import Found, ItemIndex, Kind, Mask, Rows, Vectors, best_of

MOST_SCORES = 1 << 22  # at once: 16 MB


class ExactIndex(ItemIndex):
    kind: Kind = "exact"

    def search(
        self, queries: Vectors, k: int, exclude: Sequence[Rows] | None = None, allow: Mask | None = None
    ) -> Found:
        if allow is not None:
            return super().search(queries, k, exclude, allow)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        rows = np.full((len(queries), k), -1, dtype=np.int64)
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        for places, width in self._together(queries):
            out = None if exclude is None else [np.asarray(exclude[i], dtype=np.int64) for i in places]
            found, best = self._best(queries[places], k, out, width)
            rows[places, : found.shape[1]], scores[places, : found.shape[1]] = found, best
        return rows, scores

    def _together(self, queries: Vectors) -> list[tuple[Rows, int]]:
        """The places of queries whose products are computed at once, and how many of their numbers count.

        A query without a prompt has zeros where prompts point at content: the greater part of the work.
        """
        width = queries.shape[1]
        reach = np.where(queries.any(axis=1), width - (queries != 0)[:, ::-1].argmax(axis=1), 1)
        short = reach <= width // 2
        step = max(1, MOST_SCORES // max(len(self), 1))
        return [
            (places[start : start + step], int(reach[places].max()))
            for places in (np.flatnonzero(short), np.flatnonzero(~short))
            for start in range(0, len(places), step)
        ]

    def _best(self, queries: Vectors, k: int, exclude: list[Rows] | None, width: int) -> Found:
        scores = torch.from_numpy(queries[:, :width]) @ self._tensor[:, :width].T
        if len(self.added):
            everything = scores.new_full((len(queries), len(self)), -torch.inf)
            everything[:, : scores.shape[1]] = scores
            everything[:, torch.from_numpy(self.added)] = torch.from_numpy(queries @ self.added_vectors.T)
            scores = everything
        flat = scores.numpy()
        if exclude:
            flat[np.repeat(np.arange(len(exclude)), [len(out) for out in exclude]), np.concatenate(exclude)] = -np.inf
        # One more than is wanted shows whether equal scores at the end leave a choice.
        best, rows = (part.numpy() for part in torch.topk(scores, min(k + 1, len(self))))
        order = np.lexsort((rows, -best))[:, :k]
        found, kept = np.take_along_axis(rows, order, axis=1), np.take_along_axis(best, order, axis=1)
        if best.shape[1] > k:
            for i in np.flatnonzero((best[:, k] == best[:, k - 1]) & (best[:, k] > -np.inf)):
                chosen, own = best_of(np.arange(len(self)), flat[i], k)
                sequence = np.lexsort((chosen, -own))
                found[i], kept[i] = chosen[sequence], own[sequence]
        return np.where(kept > -np.inf, found, -1), kept

    def _nearest(self, query: Vectors, k: int, out: Rows, allow: Mask | None) -> Found:
        scores = torch.mv(self._tensor, torch.from_numpy(query)).numpy()
        scores[out] = -np.inf
        if allow is not None:
            scores[~allow[: len(scores)]] = -np.inf
        rows, best = best_of(np.arange(len(scores)), scores, k)
        there = best > -np.inf
        return rows[there], best[there]
