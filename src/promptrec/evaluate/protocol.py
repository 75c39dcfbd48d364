"""Ranking the catalogue for questions with known answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from promptrec.backbone.interface import Scorer
from promptrec.data.catalogue import Rows
from promptrec.data.examples import Answers, Examples
from promptrec.data.history import History
from promptrec.prompt.query import Query

MakeQuery = Callable[[History], Query]
Seen = Literal["exclude", "include"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ranking:
    """ranks: (a,) int64, each answer's rank from 0 among all items, ties pessimistic; example i has
    ranks[offsets[i]:offsets[i + 1]], which all differ.

    top: (n, k) int64, the rows of the best items, best first, -1 where fewer are left.
    """

    ranks: Ints
    top: Ints
    offsets: Ints


def rank(
    scorer: Scorer,
    examples: Examples,
    make_query: MakeQuery | None = None,
    seen: Seen = "exclude",
    candidates: Rows | None = None,
    k: int = 10,
    chunk: int = 128,
    tie_order: Ints | None = None,
) -> Ranking:
    """Rank all items, or only `candidates`, for each example; at most `chunk` x items scores are held.

    make_query: from a history to the query, where a prompt or a request is to be attached.
    seen: with "exclude" the items of the history are left out, except the answers themselves.
    tie_order: (n_items,) which of two items with one score is listed first, the smaller; row order where None.
    Raises ValueError where an answer is not among the candidates.
    """
    make = make_query or (lambda history: Query(history=history))
    answers = examples.answers
    columns = answers if candidates is None else Answers(_columns(answers.rows, candidates), answers.offsets)
    order = tie_order if tie_order is None or candidates is None else tie_order[candidates]
    ranks = np.empty(len(answers.rows), dtype=np.int64)
    top = np.full((len(examples), k), -1, dtype=np.int64)
    # Histories of like length go together, so that short ones are not padded to the longest.
    by_length = np.argsort(examples.positions, kind="stable")
    for start in range(0, len(examples), chunk):
        chosen = by_length[start : start + chunk]
        histories = [examples.history(i) for i in chosen]
        found = scorer.score([make(history) for history in histories], candidates)
        scores = torch.from_numpy(np.array(found, dtype=np.float32, order="C"))
        own = columns.take(chosen)
        if seen == "exclude":
            _leave_out(scores, histories, own, candidates)
        ranks[answers.places(chosen)] = _ranks(scores, own)
        best = _best(scores, k, order)
        listed = best if candidates is None else candidates[best]
        top[chosen, : best.shape[1]] = np.where(best >= 0, listed, -1)
    return Ranking(ranks, top, answers.offsets)


def _columns(rows: Rows, candidates: Rows) -> Ints:
    order = np.argsort(candidates)
    places = np.searchsorted(candidates, rows, sorter=order)
    columns: Ints = order[np.minimum(places, len(order) - 1)].astype(np.int64)
    if not np.array_equal(candidates[columns], rows):
        raise ValueError("an example's answer is not among the candidates")
    return columns


def _leave_out(scores: torch.Tensor, histories: Sequence[History], answers: Answers, candidates: Rows | None) -> None:
    """Set the scores of the histories' items to -inf in place, except those of the answers."""
    lengths = [len(history) for history in histories]
    owners = np.repeat(np.arange(len(histories)), lengths)
    rows = np.concatenate([history.rows for history in histories])
    if candidates is not None:
        there = np.isin(rows, candidates)
        owners, rows = owners[there], _columns(rows[there], candidates)
    wanted = torch.from_numpy(answers.owners()), torch.from_numpy(answers.rows)
    kept = scores[wanted]
    scores[torch.from_numpy(owners), torch.from_numpy(rows)] = -torch.inf
    scores[wanted] = kept


def _ranks(scores: torch.Tensor, answers: Answers) -> Ints:
    """(a,) how many other items are not lower than each answer; tied answers of one example take the last places."""
    items = scores.shape[1]
    ranks = np.empty(len(answers.rows), dtype=np.int64)
    for place, (owner, row) in enumerate(zip(answers.owners(), answers.rows, strict=True)):
        own = scores[owner].numpy()  # one row stays in the processor's cache, which a whole chunk would not
        ranks[place] = items - 1 - np.count_nonzero(own < own[row])
    return ranks if len(ranks) == len(scores) else _apart(ranks, answers)


def _apart(ranks: Ints, answers: Answers) -> Ints:
    """Give answers of one example that tie at rank r the places r, r - 1, ...: each counted the others as ahead."""
    owners = answers.owners()
    order = np.lexsort((ranks, owners))
    group_owner, group_rank = owners[order], ranks[order]
    new = np.concatenate([[True], (np.diff(group_owner) != 0) | (np.diff(group_rank) != 0)])
    firsts = np.flatnonzero(new)
    within = np.arange(len(order)) - firsts[np.cumsum(new) - 1]
    apart = np.empty_like(ranks)
    apart[order] = group_rank - within
    return apart


def _best(scores: torch.Tensor, k: int, tie_order: Ints | None) -> Ints:
    """(b, min(k, n)) the columns of the highest scores, highest first, -1 where only infinitely bad ones are left."""
    scores.nan_to_num_(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
    items = scores.shape[1]
    order = np.arange(items) if tie_order is None else tie_order
    values, columns = (part.numpy() for part in scores.topk(min(k + 1, items), dim=1))
    k = min(k, items)
    best: Ints = np.take_along_axis(columns, np.lexsort((order[columns], -values), axis=1), axis=1)[:, :k]
    if items > k:  # which of those that tie for the last place are listed must not be left to chance
        for i in np.flatnonzero((values[:, k] == values[:, k - 1]) & (values[:, k] > -np.inf)):
            row = scores[i].numpy()
            tied = np.flatnonzero(row >= values[i, k])
            best[i] = tied[np.lexsort((order[tied], -row[tied]))[:k]]
    return np.where(values[:, :k] > -np.inf, best, -1)
