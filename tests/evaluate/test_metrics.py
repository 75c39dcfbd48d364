"""Each metric by hand, and those that others have against `ranx` and RecTools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from promptrec.evaluate.metrics import (
    average_precision,
    calibration,
    class_shares,
    coverage,
    diversity,
    expected_by_popularity,
    gini,
    hit_rate,
    ndcg,
    novelty,
    precision,
    recall,
    reciprocal_rank,
    serendipity,
)
from promptrec.evaluate.yardstick import by_rank

RANKS = np.array([0, 1, 9, 10])
SEVERAL, OFFSETS = np.array([0, 2, 11, 10, 3]), np.array([0, 3, 4, 5])  # answers at 0, 2 and 11; at 10; at 3


def test_one_answer_an_example_by_hand() -> None:
    assert hit_rate(RANKS).tolist() == recall(RANKS).tolist() == [1, 1, 1, 0]
    assert precision(RANKS).tolist() == [0.1, 0.1, 0.1, 0]
    np.testing.assert_allclose(ndcg(RANKS), [1, 1 / np.log2(3), 1 / np.log2(11), 0])
    np.testing.assert_allclose(reciprocal_rank(RANKS), [1, 0.5, 0.1, 1 / 11])
    np.testing.assert_allclose(average_precision(RANKS), [1, 0.5, 0.1, 0])


def test_several_answers_an_example_by_hand() -> None:
    assert hit_rate(SEVERAL, 10, OFFSETS).tolist() == [1, 0, 1]
    np.testing.assert_allclose(recall(SEVERAL, 10, OFFSETS), [2 / 3, 0, 1])
    np.testing.assert_allclose(precision(SEVERAL, 10, OFFSETS), [0.2, 0, 0.1])
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    np.testing.assert_allclose(ndcg(SEVERAL, 10, OFFSETS), [(1 + 1 / 2) / ideal, 0, 1 / np.log2(5)])
    np.testing.assert_allclose(reciprocal_rank(SEVERAL, OFFSETS), [1, 1 / 11, 1 / 4])
    np.testing.assert_allclose(average_precision(SEVERAL, 10, OFFSETS), [(1 + 2 / 3) / 3, 0, 1 / 4])


def test_more_answers_than_places_can_still_be_perfect() -> None:
    ranks, offsets = np.arange(15), np.array([0, 15])
    assert ndcg(ranks, 10, offsets) == pytest.approx([1])
    assert recall(ranks, 10, offsets) == pytest.approx([10 / 15])


@pytest.mark.parametrize("package", ["ranx", "rectools"])
def test_agreement_with_other_packages(package: str) -> None:
    written = json.loads((Path(__file__).parent / "reference_values.json").read_text())
    asked, theirs = written["questions"], written["values"][package]
    ranks = [
        np.sort([own.index(row) for row in wanted])
        for own, wanted in zip(asked["ranked"], asked["relevant"], strict=True)
    ]
    offsets = np.concatenate([[0], np.cumsum([len(own) for own in ranks])])
    top = np.array(asked["ranked"])[:, :10]
    counts = np.bincount([row for own in asked["owned"] for row in own], minlength=50).astype(np.float32)
    assert counts.min() > 0, "packages differ in what they make of an item that nobody has"
    ours = {
        **by_rank(np.concatenate(ranks), offsets),
        "novelty@10": novelty(top, counts, len(asked["owned"])),
        "diversity@10": diversity(top, np.array(asked["vectors"], np.float32)),
        "coverage@10": [coverage(top[:2], 50)],
    }
    compared = theirs.keys() - {"version"}
    assert compared >= {"ndcg@10", "hr@10", "recall@10", "precision@10", "map@10"}
    for name in compared:
        np.testing.assert_allclose(ours[name], theirs[name], atol=1e-6, err_msg=name)


def test_exposure_by_hand() -> None:
    top = np.array([[0, 1], [0, -1]])
    assert coverage(top, 4) == 0.5
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert gini(np.array([[0], [0]]), 4) == pytest.approx(0.75)
    # the mean absolute difference of 2, 1, 0, 0 over twice their mean
    assert gini(top, 4) == pytest.approx(np.abs(np.subtract.outer([2, 1, 0, 0], [2, 1, 0, 0])).mean() / (2 * 0.75))
    assert gini(np.array([[-1]]), 4) == 0


def test_novelty_and_diversity_by_hand() -> None:
    top = np.array([[0, 1], [0, -1]])
    np.testing.assert_allclose(novelty(top, np.array([4, 1, 0, 0], np.float32), 4), [1, 0])
    vectors = np.array([[2, 0], [1, 1], [0, 1], [1, 0]], np.float32)
    np.testing.assert_allclose(diversity(top, vectors), [1 - np.sqrt(0.5), 0], atol=1e-6)
    expected = 1 - (2 * np.sqrt(0.5) + 0) / 3
    np.testing.assert_allclose(diversity(np.array([[0, 1, 2]]), vectors), [expected], rtol=1e-6)


def test_serendipity_by_hand() -> None:
    counts = np.array([9, 8, 7, 1, 0], np.float32)
    known, offsets = np.array([0, 1]), np.array([0, 0, 2])  # the first has nothing, the second the two most popular
    answers, owners = np.array([2, 2, 3]), np.array([0, 1, 1])
    expected = expected_by_popularity(answers, owners, known, offsets, counts, k=2)
    assert expected.tolist() == [False, True, True]
    assert serendipity(np.array([0, 1, 5]), expected, 2, np.array([0, 1, 3])).tolist() == [0.5, 0]


def test_equally_popular_items_do_not_make_an_answer_expected() -> None:
    counts, none = np.ones(5, np.float32), np.empty(0, np.int64)
    assert not expected_by_popularity(np.array([0]), np.array([0]), none, np.array([0, 0]), counts, k=4).any()


def test_calibration_by_hand() -> None:
    shares = class_shares([["War"], ["Comedy"], ["Comedy", "War"], []])
    assert shares.tolist() == [[0, 1], [1, 0], [0.5, 0.5], [0, 0]]
    known, offsets = np.array([0, 1, 0, 0]), np.array([0, 2, 4, 4])  # half and half; all War; nothing known
    top = np.array([[0, 1], [1, 1], [2, -1]])
    usual = np.array([1, 1], np.float32)
    found = calibration(top, known, offsets, shares, usual)
    np.testing.assert_allclose(found, [0, np.log(1 / 0.01), 0], atol=1e-12)


def test_rare_words_are_no_class() -> None:
    assert class_shares([["a", "b"], ["a"], ["c"]], most=1).tolist() == [[1], [1], [0]]
