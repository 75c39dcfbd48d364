"""Metrics, protocol, intervals and report on data small enough to work out by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from promptrec.data.history import Histories, History
from promptrec.data.split import Examples
from promptrec.evaluate.beyond import coverage, diversity, novelty
from promptrec.evaluate.page import METRICS, write_report
from promptrec.evaluate.protocol import rank
from promptrec.evaluate.ranking import hit_rate, ndcg, reciprocal_rank, target_ranks
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.requests import measure_request
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.query import Query


class Fixed:
    """The same scores for everybody, turned around by a request."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.name = "fixed"
        self.scores = np.array(scores, np.float32)
        self.largest = 0

    def score(self, queries: Sequence[Query], rows: np.ndarray | None = None) -> np.ndarray:
        self.largest = max(self.largest, len(queries))
        scores = self.scores if rows is None else self.scores[rows]
        return np.stack([-scores if query.request else scores for query in queries])


def examples(*people: Sequence[int]) -> Examples:
    """Ask for each person's last item."""
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in people])]).astype(np.int64)
    rows = np.array([row for own in people for row in own], np.int64)
    nothing = np.full(len(rows), np.nan)
    histories = Histories(tuple(map(str, range(len(people)))), offsets, rows, nothing, nothing)
    return Examples(histories, np.arange(len(people)), np.diff(offsets) - 1)


def test_metrics_by_hand() -> None:
    ranks = np.array([0, 1, 9, 10])
    assert hit_rate(ranks).tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(ndcg(ranks), [1, 1 / np.log2(3), 1 / np.log2(11), 0])
    np.testing.assert_allclose(reciprocal_rank(ranks), [1, 0.5, 0.1, 1 / 11])


def test_ties_are_pessimistic() -> None:
    scores = np.array([[1, 1, 1, 0], [2, 1, 1, 0], [np.nan, 1, 0, 0], [0, 0, -np.inf, -np.inf]], np.float32)
    assert target_ranks(scores, np.array([0, 1, 1, 2])).tolist() == [2, 2, 1, 3]


def test_seen_items_are_out_but_a_seen_answer_stays() -> None:
    scorer = Fixed([5, 4, 3, 2, 1])
    ranking = rank(scorer, examples([0, 1, 3], [0, 1, 0]), k=5)
    assert ranking.ranks.tolist() == [1, 0]
    assert ranking.top.tolist() == [[2, 3, 4, -1, -1], [0, 2, 3, 4, -1]]
    assert rank(scorer, examples([0, 1, 3]), seen="include").ranks.tolist() == [3]


def test_infinitely_bad_items_are_not_listed() -> None:
    ranking = rank(Fixed([-np.inf, 2, 1, -np.inf]), examples([1, 0]), k=3)
    assert ranking.top.tolist() == [[2, -1, -1]]
    assert ranking.ranks.tolist() == [3]


def test_candidates_compete_alone() -> None:
    asked = examples([4, 2], [1, 3])
    ranking = rank(Fixed([5, 4, 3, 2, 1]), asked, candidates=np.array([3, 1, 2]), k=2)
    assert ranking.ranks.tolist() == [1, 1]
    assert ranking.top.tolist() == [[1, 2], [2, 3]]
    with pytest.raises(ValueError, match="not among the candidates"):
        rank(Fixed([5, 4, 3, 2, 1]), asked, candidates=np.array([1, 2]))


def test_chunks_change_nothing_and_bound_what_is_held() -> None:
    rng = np.random.default_rng(0)
    asked = examples(*(rng.permutation(30)[:5] for _ in range(23)))
    scorer = Fixed(rng.normal(size=30))
    small, large = rank(scorer, asked, chunk=4), rank(Fixed(scorer.scores), asked)
    assert scorer.largest == 4
    assert np.array_equal(small.ranks, large.ranks)
    assert np.array_equal(small.top, large.top)


def test_permuting_item_rows_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    order = rng.permutation(30)
    place = np.argsort(order)
    people = [rng.permutation(30)[:5] for _ in range(9)]
    scores = rng.integers(0, 4, 30)  # with many ties
    before = rank(Fixed(scores), examples(*people))
    after = rank(Fixed(scores[order]), examples(*(place[own] for own in people)))
    assert np.array_equal(before.ranks, after.ranks)


def test_make_query_attaches_a_request() -> None:
    turned = rank(Fixed([5, 4, 3]), examples([1, 0]), lambda history: Query(history=history, request="other"))
    assert turned.ranks.tolist() == [1]


def test_beyond_by_hand() -> None:
    top = np.array([[0, 1], [0, -1]])
    assert coverage(top, 4) == 0.5
    np.testing.assert_allclose(novelty(top, np.array([4, 1, 0, 0], np.float32), 4), [1, 0])
    vectors = np.array([[2, 0], [1, 1], [0, 1], [1, 0]], np.float32)
    np.testing.assert_allclose(diversity(top, vectors), [1 - np.sqrt(0.5), 0], rtol=1e-6)
    expected = 1 - (2 * np.sqrt(0.5) + 0) / 3
    np.testing.assert_allclose(diversity(np.array([[0, 1, 2]]), vectors), [expected], rtol=1e-6)


def test_bootstrap_repeats_and_covers() -> None:
    values = np.random.default_rng(0).normal(1, 1, 400)
    found = bootstrap_interval(values, 1)
    assert found == bootstrap_interval(values, 1)
    assert found["low"] < found["value"] < found["high"]
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert found != bootstrap_interval(values, 2)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_interval(np.empty(0), 0)


def test_paired_difference_sees_a_small_steady_gain() -> None:
    before = np.random.default_rng(0).normal(0, 10, 300)
    found = paired_difference(before + 0.1, before, 0)
    assert found["low"] == pytest.approx(0.1)
    assert found["high"] == pytest.approx(0.1)


def plain(history: History) -> Query:
    return Query(history=history)


def requested(history: History) -> Query:
    return Query(history=history, request="the last ones")


def test_request_by_hand() -> None:
    mask = np.arange(30) >= 20
    asked = examples([0, 29], [1, 20], [2, 5])
    entry = measure_request(Fixed(-np.arange(30)), asked, mask, plain, requested, "the last ones", "en", "Last")
    assert entry == {
        "text": "the last ones",
        "language": "en",
        "attribute": "Last",
        "share_without": 0.0,
        "share_with": 1.0,
        "ndcg_within_without": pytest.approx((1 / np.log2(11) + 1) / 2),
        "ndcg_within_with": pytest.approx((1 + 1 / np.log2(11)) / 2),
    }
    nobody = measure_request(Fixed(-np.arange(30)), examples([2, 5]), mask, plain, requested, "x", "en", "Last")
    assert nobody["ndcg_within_with"] is None


def test_report_is_written_with_all_metrics(tmp_path: Path) -> None:
    asked = examples([0, 3], [1, 2])
    vectors = np.eye(4, dtype=np.float32)
    models = evaluate_models(
        [Model(Fixed([4, 3, 2, 1]), "baseline", "<fixed> & co")],
        {"test": asked, "validation": asked},
        np.ones(4, np.float32),
        2,
        vectors,
        seed=0,
    )
    assert set(models[0]) == {"name", "kind", "metrics", "validation"}
    assert set(models[0]["metrics"]) == set(METRICS)
    report = {
        "split": {"protocol": "leave-one-out", "hash": "0" * 64, "seed": 0},
        "models": models,
        "requests": [
            measure_request(Fixed([4, 3, 2, 1]), asked, np.arange(4) > 1, plain, requested, "<喜剧>", "zh", "Comedy")
        ],
        "seconds": {"train": 1.5},
    }
    write_report(tmp_path, report)
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {key: written[key] for key in report} == report
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "&lt;喜剧&gt;" in page
    assert "<fixed>" not in page
    assert "src=" not in page
    write_report(tmp_path, report)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_report_of_nothing_is_a_page(tmp_path: Path) -> None:
    split = {"protocol": "leave-one-out", "hash": "", "seed": 0}
    write_report(tmp_path, {"split": split, "models": [], "requests": [], "seconds": {}})
    assert "No model was measured" in (tmp_path / "report.html").read_text(encoding="utf-8")
