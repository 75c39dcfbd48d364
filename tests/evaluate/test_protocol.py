"""Ranking: seen items, ties, candidates, chunks, several answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from promptrec.evaluate.protocol import rank
from promptrec.prompt.query import Query


class PerPerson:
    """Row i of a table of scores for the person whose first event is item i."""

    name = "table"

    def __init__(self, table: np.ndarray) -> None:
        self.table = table.astype(np.float32)

    def score(self, queries: Sequence[Query], rows: np.ndarray | None = None) -> np.ndarray:
        found = self.table[[int(query.history.rows[0]) for query in queries]]
        return found if rows is None else found[:, rows]


def test_seen_items_are_out_but_a_seen_answer_stays(ask, fixed) -> None:
    scorer = fixed([5, 4, 3, 2, 1])
    ranking = rank(scorer, ask([0, 1, 3], [0, 1, 0]), k=5)
    assert ranking.ranks.tolist() == [1, 0]
    assert ranking.top.tolist() == [[2, 3, 4, -1, -1], [0, 2, 3, 4, -1]]
    assert rank(scorer, ask([0, 1, 3]), seen="include").ranks.tolist() == [3]
    assert scorer.scores.tolist() == [5, 4, 3, 2, 1], "a model's own scores are left as they are"


@pytest.mark.parametrize(("scores", "answer", "place"), [([1, 1, 1, 0], 0, 2), ([2, 1, 1, 0], 1, 2)])
def test_ties_are_pessimistic(scores, answer, place, ask, fixed) -> None:
    assert rank(fixed(scores), ask([answer])).ranks.tolist() == [place]


def test_scores_that_are_no_numbers_help_nobody(ask, fixed) -> None:
    ranking = rank(fixed([np.nan, 1, 0, 0]), ask([1], [0]), k=2)
    assert ranking.ranks.tolist() == [1, 3]
    assert ranking.top[:, 0].tolist() == [1, 1]


def test_infinitely_bad_items_are_not_listed(ask, fixed) -> None:
    ranking = rank(fixed([-np.inf, 2, 1, -np.inf]), ask([1, 0]), k=3)
    assert ranking.top.tolist() == [[2, -1, -1]]
    assert ranking.ranks.tolist() == [3]


def test_candidates_compete_alone(ask, fixed) -> None:
    asked = ask([4, 2], [1, 3])
    ranking = rank(fixed([5, 4, 3, 2, 1]), asked, candidates=np.array([3, 1, 2]), k=2)
    assert ranking.ranks.tolist() == [1, 1]
    assert ranking.top.tolist() == [[1, 2], [2, 3]]
    with pytest.raises(ValueError, match="not among the candidates"):
        rank(fixed([5, 4, 3, 2, 1]), asked, candidates=np.array([1, 2]))


def test_chunks_change_nothing_and_bound_what_is_held(ask, fixed) -> None:
    rng = np.random.default_rng(0)
    asked = ask(*(rng.permutation(30)[: rng.integers(2, 9)] for _ in range(23)))
    scorer = fixed(rng.normal(size=30))
    small, large = rank(scorer, asked, chunk=4), rank(fixed(scorer.scores), asked)
    assert scorer.largest == 4
    assert np.array_equal(small.ranks, large.ranks)
    assert np.array_equal(small.top, large.top)


def test_ranks_and_lists_are_those_of_a_full_sort(ask) -> None:
    rng = np.random.default_rng(1)
    people = [
        [first, *rng.choice(np.setdiff1d(np.arange(40), [first]), rng.integers(6, 15), replace=False)]
        for first in range(40)
    ]
    asked = ask(*people, answers=rng.integers(1, 6, 40))
    table = rng.integers(0, 12, (40, 40))  # with many ties
    order = rng.permutation(40)
    ranking = rank(PerPerson(table), asked, chunk=7, tie_order=order)
    bounds = asked.answers.offsets
    for i in range(40):
        wanted, seen = asked.answers.rows[bounds[i] : bounds[i + 1]], asked.history(i).rows
        left = [row for row in range(40) if row not in seen]
        pessimistic = sorted(left, key=lambda row: (-table[i, row], row in wanted))
        assert sorted(ranking.ranks[bounds[i] : bounds[i + 1]]) == [
            pessimistic.index(row) for row in pessimistic if row in wanted
        ]
        assert ranking.top[i].tolist() == sorted(left, key=lambda row: (-table[i, row], order[row]))[:10]


def test_make_query_attaches_a_request(ask, fixed) -> None:
    turned = rank(fixed([5, 4, 3]), ask([1, 0]), lambda history: Query(history=history, request="other"))
    assert turned.ranks.tolist() == [1]
