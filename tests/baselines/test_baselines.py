"""Baselines on a checkerboard: even people use even items, odd people use odd ones."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import sparse

from promptrec.baselines import fit_all
from promptrec.baselines.content import ContentSimilarity
from promptrec.baselines.ease import Ease
from promptrec.baselines.fit_all import fit_baselines
from promptrec.baselines.ials import IALS
from promptrec.baselines.item_knn import ItemKNN
from promptrec.baselines.matrix import history_matrix, training_matrix
from promptrec.baselines.popularity import Popularity
from promptrec.baselines.user_knn import UserKNN
from promptrec.data.history import Histories, History
from promptrec.data.split import Split
from promptrec.prompt.query import Query

PEOPLE, ITEMS = 30, 12


def query(*rows: int) -> Query:
    return Query(history=History(np.array(rows, np.int64), np.full(len(rows), np.nan)))


def board() -> np.ndarray:
    """For each four of a group's six items there is one person who has them."""
    matrix = np.zeros((PEOPLE, ITEMS), np.float32)
    for person, (group, chosen) in enumerate(product((0, 1), combinations(range(6), 4))):
        matrix[person, 2 * np.array(chosen) + group] = 1
    return matrix


def fitted(matrix: np.ndarray, vectors: np.ndarray) -> list:
    training = sparse.csr_matrix(matrix)
    return [
        UserKNN.fit(training, k=10),
        ItemKNN.fit(training),
        ItemKNN.fit(training, decay=3.0),
        Ease.fit(training, 1.0),
        IALS.fit(training, 0, factors=2, regularisation=1.0, alpha=1.0),
        ContentSimilarity.fit(vectors),
    ]


def group_vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(2, 16))
    return (centres[np.arange(ITEMS) % 2] + 0.1 * rng.normal(size=(ITEMS, 16))).astype(np.float32)


@pytest.mark.parametrize("which", range(6))
def test_own_group_comes_first(which: int) -> None:
    scorer = fitted(board(), group_vectors())[which]
    scores = scorer.score([query(0, 2), query(1, 3)])
    assert scores.shape == (2, ITEMS)
    assert scores.dtype == np.float32
    for own, other, row in (([4, 6, 8, 10], [1, 3, 5, 7, 9, 11], 0), ([5, 7, 9, 11], [0, 2, 4, 6, 8, 10], 1)):
        assert scores[row, own].min() > scores[row, other].max(), scorer.name


@pytest.mark.parametrize("which", range(6))
def test_rows_choose_columns_and_queries_do_not_mix(which: int) -> None:
    scorer = fitted(board(), group_vectors())[which]
    queries = [query(0, 2), query(5), query()]
    rows = np.array([7, 2, 2, 11])
    everything = scorer.score(queries)
    np.testing.assert_allclose(scorer.score(queries, rows), everything[:, rows], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scorer.score(queries[1:2])[0], everything[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("which", [0, 1, 2, 3, 5])
def test_permuting_item_rows_changes_nothing(which: int) -> None:
    order = np.random.default_rng(1).permutation(ITEMS)
    place = np.argsort(order)
    before = fitted(board(), group_vectors())[which].score([query(0, 2, 4)])
    after = fitted(board()[:, order], group_vectors()[order])[which].score([query(*place[[0, 2, 4]])])
    np.testing.assert_allclose(after, before[:, order], rtol=1e-4, atol=1e-5)


def test_popularity_counts_people() -> None:
    training = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 0]], np.float32))
    scores = Popularity.fit(training).score([query(0), query()])
    assert scores.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_item_knn_by_hand() -> None:
    training = sparse.csr_matrix(np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0]], np.float32))
    scores = ItemKNN.fit(training).score([query(0)])
    np.testing.assert_allclose(scores[0, 1:], [1 / np.sqrt(3), 1 / np.sqrt(3)], rtol=1e-5)


def test_recency_weights_the_latest_event_most() -> None:
    weights = history_matrix([query(4, 1, 4)], 6, decay=3.0).toarray()[0]
    np.testing.assert_allclose(weights[[4, 1]], [1 + np.exp(-2 / 3), np.exp(-1 / 3)], rtol=1e-6)
    assert history_matrix([query(4, 1, 4)], 6).toarray()[0].tolist() == [0, 1, 0, 0, 1, 0]


def test_ease_by_its_definition() -> None:
    matrix = board()
    weights = Ease.fit(sparse.csr_matrix(matrix), 2.0).weights
    gram = matrix.T @ matrix
    assert np.all(np.diag(weights) == 0)
    residual = gram @ weights + 2.0 * weights - gram  # zero off the diagonal at the constrained optimum
    np.testing.assert_allclose(residual[~np.eye(ITEMS, dtype=bool)], 0, atol=1e-4)


def test_ials_repeats_for_a_seed() -> None:
    first, second = (IALS.fit(sparse.csr_matrix(board()), 3, factors=4).score([query(0, 2)]) for _ in range(2))
    assert np.array_equal(first, second)


def split() -> Split:
    rows = np.array([0, 1, 2, 3, 1, 0, 2, 2, 0, 1, 3], np.int64)
    histories = Histories(
        ("a", "b", "c"), np.array([0, 4, 6, 11]), rows, np.arange(11, dtype=np.float64), np.full(11, np.nan)
    )
    return Split.of(histories, seed=0, people_out=0.0)


def test_training_leaves_out_the_last_two_events() -> None:
    # a: 0 1 | 2 3; b: 1 0 (too few to leave any out); c: 2 2 0 | 1 3
    assert training_matrix(split(), 4).toarray().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0]]


def test_ease_is_left_out_of_large_catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.eye(4, dtype=np.float32)
    names = ["popularity", "user-knn", "item-knn", "recency-item-knn", "ease", "ials", "content"]
    assert [scorer.name for scorer in fit_baselines(split(), range(4), vectors, 0)] == names  # type: ignore[arg-type]
    monkeypatch.setattr(fit_all, "MOST_ITEMS", 3)
    names.remove("ease")
    assert [scorer.name for scorer in fit_baselines(split(), range(4), vectors, 0)] == names  # type: ignore[arg-type]
