"""Ranking the catalogue for questions with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from promptrec.backbone.interface import Scorer, Scores
from promptrec.data.catalogue import Rows
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.evaluate.ranking import Ranks, target_ranks
from promptrec.prompt.query import Query

MakeQuery = Callable[[History], Query]


@dataclass(frozen=True)
class Ranking:
    """ranks: (n,) int64, the answers' ranks from 0, ties pessimistic.

    top: (n, k) int64, the rows of the best items, best first, -1 where fewer are left.
    """

    ranks: Ranks
    top: Ranks


def rank(
    scorer: Scorer,
    examples: Examples,
    make_query: MakeQuery | None = None,
    seen: Literal["exclude", "include"] = "exclude",
    candidates: Rows | None = None,
    k: int = 10,
    chunk: int = 256,
) -> Ranking:
    """Rank all items, or only `candidates`, for each example; at most `chunk` x items scores are held.

    make_query: from a history to the query, where a prompt or a request is to be attached.
    seen: with "exclude" the items of the history are left out, except the answer itself.
    Raises ValueError where an answer is not among the candidates.
    """
    make = make_query or (lambda history: Query(history=history))
    targets = examples.targets
    ranks = np.empty(len(examples), dtype=np.int64)
    top = np.full((len(examples), k), -1, dtype=np.int64)
    for start in range(0, len(examples), chunk):
        stop = min(start + chunk, len(examples))
        histories = [examples.history(i) for i in range(start, stop)]
        scores = np.array(scorer.score([make(history) for history in histories], candidates), dtype=np.float32)
        columns = _columns(targets[start:stop], candidates)
        if seen == "exclude":
            _leave_out(scores, histories, columns, candidates)
        ranks[start:stop] = target_ranks(scores, columns)
        best = _best(scores, k)
        found = best if candidates is None else candidates[best]
        there = np.take_along_axis(scores, best, axis=1) > -np.inf
        top[start:stop, : best.shape[1]] = np.where(there, found, -1)
    return Ranking(ranks, top)


def _columns(targets: Rows, candidates: Rows | None) -> Rows:
    if candidates is None:
        return targets
    order = np.argsort(candidates)
    places = np.searchsorted(candidates, targets, sorter=order)
    columns: Rows = order[np.minimum(places, len(order) - 1)].astype(np.int64)
    if not np.array_equal(candidates[columns], targets):
        raise ValueError("an example's answer is not among the candidates")
    return columns


def _leave_out(scores: Scores, histories: list[History], columns: Rows, candidates: Rows | None) -> None:
    answers = np.take_along_axis(scores, columns[:, None], axis=1)
    for own, history in zip(scores, histories, strict=True):
        own[history.rows if candidates is None else np.isin(candidates, history.rows)] = -np.inf
    np.put_along_axis(scores, columns[:, None], answers, axis=1)


def _best(scores: Scores, k: int) -> Rows:
    """(b, min(k, n)) the columns of the highest scores, highest first."""
    k = min(k, scores.shape[1])
    best = np.sort(np.argpartition(-scores, k - 1, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(best, order, axis=1).astype(np.int64)
