"""What is particular to each baseline; what all do is in test_contracts.py."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch
from scipy import sparse

from promptrec.baselines import fit_all, rating
from promptrec.baselines.bpr import BPR
from promptrec.baselines.content_slot import ContentSlot
from promptrec.baselines.ease import Ease
from promptrec.baselines.fit_all import fit_baselines
from promptrec.baselines.ials import IALS
from promptrec.baselines.item_knn import ItemKNN
from promptrec.baselines.matrix import history_matrix
from promptrec.baselines.popularity import Popularity
from promptrec.baselines.rating import RatingModel, RecommenderModel
from promptrec.data.history import Histories, History
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
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


NOTHING = np.full(11, np.nan)


def fit(names: list[str], of: Split) -> list[str]:
    found = fit_baselines(of, range(4), np.eye(4, dtype=np.float32), 0, names)  # type: ignore[arg-type]
    return [scorer.name for scorer in found]


def test_what_has_no_room_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    names = ["content", "ease", "recent-popularity", "rating-model", "popularity"]
    assert fit(names, split()) == ["content", "ease", "recent-popularity", "popularity"]
    monkeypatch.setattr(fit_all, "MOST_ITEMS", 3)
    timeless = replace(split(), histories=replace(split().histories, times=NOTHING))
    assert fit([*names, "content-slot"], timeless) == ["content", "popularity"]
    said = capsys.readouterr().err
    for name in ("ease", "recent-popularity", "rating-model", "content-slot"):
        assert f"{name} is left out" in said


def test_an_unknown_baseline_is_named() -> None:
    with pytest.raises(PromptrecError, match="found 'magic'"):
        fit(["popularity", "magic"], split())


def test_recent_popularity_counts_late_events() -> None:
    # trained on: a has 0 1 at 0 1, b has 1 0 at 4 5, c has 2 2 0 at 6 7 8
    assert Popularity.fit_recent(split(), 4, share=0.4).counts.tolist() == [1, 0, 1, 0]
    assert Popularity.fit_recent(split(), 4, share=1).counts.tolist() == [3, 2, 1, 0]


def rated() -> Split:
    """Item 0 is liked, item 1 is not, by two kinds of people of whom one gives a star more."""
    people = [[0, 1, 2, 3, 0, 1], [1, 0, 3, 2, 1, 0]] * 20
    rows = np.array(people, np.int64).ravel()
    generous = np.repeat(np.arange(40) % 2, 6)
    values = np.array([4.0, 1.0, 3.0, 2.0])[rows] + generous
    offsets = np.arange(0, 241, 6)
    histories = Histories(tuple(map(str, range(40))), offsets, rows, np.arange(240.0), values)
    return Split.of(histories, seed=0, people_out=0.0)


def test_the_rating_model_learns_ratings_and_prints_its_losses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(rating, "EPOCHS", 100)
    model = RatingModel.fit(rated(), 4, 0)
    assert model.test_loss < 0.3
    assert np.argsort(-model.ratings).tolist() == [0, 2, 3, 1]
    assert f"train loss {model.train_loss:.4f}, test loss {model.test_loss:.4f}" in capsys.readouterr().err


def test_the_rating_model_is_additive() -> None:
    torch.manual_seed(0)
    network = RecommenderModel(5, 7, 8)
    people, items = torch.meshgrid(torch.arange(5), torch.arange(7), indexing="ij")
    ratings = network(people.ravel(), items.ravel())
    assert ratings.shape == (35,), "as the labels are: (64, 1) against (64,) would compare everybody with everybody"
    table = ratings.view(5, 7)
    torch.testing.assert_close(table - table[:, :1], (table - table[:, :1])[:1].expand(5, 7))


def test_an_empty_history_has_no_factors_in_bpr_but_biases() -> None:
    model = BPR.fit(sparse.csr_matrix(board()), 0, factors=4)
    np.testing.assert_allclose(model.score([query()])[0], model.items[:, -1], rtol=1e-5)


class Rising:
    """A backbone that ranks items by their row."""

    name = "rising"

    def score(self, queries: list[Query]) -> np.ndarray:
        return np.tile(np.arange(20, dtype=np.float32), (len(queries), 1))


def test_the_slot_holds_the_most_similar_cold_item() -> None:
    # items 14 to 19 are cold; 16 is like what was seen
    training = sparse.csr_matrix(np.pad(np.ones((1, 14), np.float32), ((0, 0), (0, 6))))
    vectors = np.eye(20, dtype=np.float32)
    vectors[16] = vectors[3]
    slotted = ContentSlot.fit(Rising(), training, vectors)  # type: ignore[arg-type]
    scores = slotted.score([query(3, 13), query()])
    scores[0, [3, 13]] = -np.inf
    assert np.argsort(-scores[0], kind="stable")[:11].tolist() == [12, 11, 10, 9, 8, 7, 6, 5, 4, 16, 2]
    assert scores[0, [14, 15, 17, 18, 19]].max() < scores[0, :14][[0, 1, 2]].min()
    np.testing.assert_array_equal(slotted.score([query(3)], np.array([16, 1])), slotted.score([query(3)])[:, [16, 1]])


def test_the_slot_is_not_needed_where_everything_is_known() -> None:
    training = sparse.csr_matrix(np.ones((1, 20), np.float32))
    slotted = ContentSlot.fit(Rising(), training, np.eye(20, dtype=np.float32))  # type: ignore[arg-type]
    assert np.array_equal(slotted.score([query(3)]), Rising().score([query(3)]))
