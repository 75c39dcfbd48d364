"""What everything that ranks must do; a scorer inherits these tests and says in `fit` how it is fitted."""

from __future__ import annotations

import numpy as np
import pytest

from contracts.world import KINDS, World, permuted_world, query, rows_of
from promptrec.backbone.interface import Scorer
from promptrec.data.catalogue import Catalogue
from promptrec.prompt.query import Query

ORDER = np.random.default_rng(1).permutation(45)


def asked(catalogue: Catalogue) -> list[Query]:
    """Histories of each kind, of several lengths, with a film seen twice, with films of two kinds, and with none."""
    histories = [["C0", "C1", "C2"], ["W5"], [], ["R3", "R4", "R3"], [f"C{n}" for n in range(15)], ["R1", "W1"]]
    return [query(catalogue, *ids) for ids in histories]


class ScorerContract:
    personal = True
    """Whether the ranking follows the history; else it is the same for everybody."""
    drawn = False
    """Whether fitting draws random numbers by row, so that another order of the items is another draw."""

    @classmethod
    def fit(cls, world: World) -> Scorer:
        """Fit on a world of 45 films; the same world gives the same scorer."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def world(cls) -> World:
        return permuted_world(np.arange(45))

    @pytest.fixture(scope="class")
    @classmethod
    def scorer(cls, world: World) -> Scorer:
        return cls.fit(world)

    @pytest.fixture
    def catalogue(self, world: World) -> Catalogue:
        return world.catalogue

    def test_it_has_a_name_and_a_finite_number_for_each_query_and_item(
        self, scorer: Scorer, catalogue: Catalogue
    ) -> None:
        scores = scorer.score(asked(catalogue))
        assert scorer.name
        assert scores.shape == (6, len(catalogue))
        assert scores.dtype == np.float32
        assert np.isfinite(scores).all()

    def test_rows_choose_columns(self, scorer: Scorer, catalogue: Catalogue) -> None:
        rows = np.array([7, 2, 2, 44])
        everything = scorer.score(asked(catalogue))
        np.testing.assert_allclose(scorer.score(asked(catalogue), rows), everything[:, rows], rtol=1e-4, atol=1e-5)

    def test_a_batch_is_what_its_queries_are_alone(self, scorer: Scorer, catalogue: Catalogue) -> None:
        queries = asked(catalogue)
        alone = np.concatenate([scorer.score([one]) for one in queries])
        np.testing.assert_allclose(scorer.score(queries), alone, rtol=1e-4, atol=1e-5)

    def test_a_large_batch_is_many_small_ones(self, scorer: Scorer, catalogue: Catalogue) -> None:
        queries = asked(catalogue)
        many = scorer.score(queries * 100)
        np.testing.assert_allclose(many, np.tile(scorer.score(queries), (100, 1)), rtol=1e-4, atol=1e-5)

    def test_scores_belong_to_the_caller(self, scorer: Scorer, catalogue: Catalogue) -> None:
        queries = asked(catalogue)
        first = scorer.score(queries)
        kept = first.copy()
        first[:] = -np.inf
        assert np.array_equal(scorer.score(queries), kept)

    def test_the_kind_of_the_history_comes_first(self, scorer: Scorer, catalogue: Catalogue) -> None:
        assert_right_kind_first(scorer, catalogue, self.personal)

    def test_the_row_of_an_item_says_nothing(self, scorer: Scorer, catalogue: Catalogue) -> None:
        other = permuted_world(ORDER)
        again = self.fit(other)
        if self.drawn:
            assert_right_kind_first(again, other.catalogue, self.personal)
        else:
            before, after = scorer.score(asked(catalogue)), again.score(asked(other.catalogue))
            np.testing.assert_allclose(after, before[:, ORDER], rtol=1e-3, atol=1e-4)


def assert_right_kind_first(scorer: Scorer, catalogue: Catalogue, personal: bool) -> None:
    """After three films of a kind, the three best of those not seen are of it; who is not personal ranks alike."""
    tops = []
    for kind in KINDS:
        one = query(catalogue, *(f"{kind[0]}{n}" for n in (2, 3, 4)))
        scores = scorer.score([one])[0]
        tops.append(np.argsort(-scores, kind="stable").tolist())
        scores[one.history.rows] = -np.inf
        if personal:
            assert set(np.argsort(-scores)[:3]) <= set(rows_of(catalogue, kind)), kind
    assert personal or tops[0] == tops[1] == tops[2]
