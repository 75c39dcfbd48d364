"""What every item index must do; an implementation inherits these tests and names itself in `build`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from promptrec.index.contract import ItemIndex

Vectors = npt.NDArray[np.float32]
ITEMS, WIDTH = 30_000, 48


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def vectors(count: int, seed: int) -> Vectors:
    """Directions that cluster, as those of items do."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).standard_normal((20, WIDTH), dtype=np.float32)
    return unit(2 * centres[rng.integers(20, size=count)] + rng.standard_normal((count, WIDTH), dtype=np.float32))


class ItemIndexContract:
    least_recall = 1.0

    @classmethod
    def build(cls, vectors: Vectors) -> ItemIndex:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def items(cls) -> Vectors:
        return vectors(ITEMS, seed=1)

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, items: Vectors) -> ItemIndex:
        return cls.build(items)

    @pytest.fixture(scope="class")
    @classmethod
    def queries(cls) -> Vectors:
        return vectors(20, seed=2)

    def test_scores_are_exact_and_best_first(self, index: ItemIndex, items: Vectors, queries: Vectors) -> None:
        rows, scores = index.search(queries, 50)
        assert rows.shape == scores.shape == (20, 50)
        np.testing.assert_allclose(scores, np.einsum("bd,bkd->bk", queries, items[rows]), rtol=1e-4, atol=1e-5)
        assert (np.diff(scores, axis=1) <= 0).all()
        assert all(len(set(own)) == 50 for own in rows)

    def test_recall_against_every_item_scored(self, index: ItemIndex, items: Vectors, queries: Vectors) -> None:
        best = np.argsort(-(queries @ items.T), axis=1)[:, :50]
        found = index.search(queries, 50)[0]
        assert np.mean([len(np.intersect1d(a, b)) / 50 for a, b in zip(found, best, strict=True)]) >= self.least_recall

    @pytest.mark.parametrize("count", [3, 5_000])
    def test_each_query_leaves_out_its_own(
        self, index: ItemIndex, items: Vectors, queries: Vectors, count: int
    ) -> None:
        out = [np.argsort(-(items @ query))[:count] for query in queries[:2]]
        rows, scores = index.search(queries[:2], 10, exclude=out)
        for query, own, found, score in zip(queries, out, rows, scores, strict=False):
            assert not set(found) & set(own)
            left = np.delete(items @ query, own)
            np.testing.assert_allclose(score[0], left.max(), rtol=1e-4)

    @pytest.mark.parametrize("share", [0.01, 0.8])
    def test_only_what_is_allowed_comes(self, index: ItemIndex, items: Vectors, queries: Vectors, share: float) -> None:
        allow = np.random.default_rng(3).random(ITEMS) < share
        rows, scores = index.search(queries[:3], 20, allow=allow, exclude=[np.arange(100)] * 3)
        assert allow[rows].all()
        assert (rows >= 100).all()
        for query, score in zip(queries, scores, strict=False):
            np.testing.assert_allclose(score[0], (items[100:] @ query)[allow[100:]].max(), rtol=1e-4)

    def test_where_fewer_are_left_the_rest_is_empty(self, index: ItemIndex, queries: Vectors) -> None:
        allow = np.zeros(ITEMS, dtype=bool)
        allow[[5, 9]] = True
        rows, scores = index.search(queries[:1], 4, exclude=[np.array([9])], allow=allow)
        assert rows.tolist() == [[5, -1, -1, -1]]
        assert np.isneginf(scores[0, 1:]).all()

    def test_items_that_tie_come_by_row(self) -> None:
        same = np.tile(vectors(1, seed=4), (40, 1))
        assert self.build(same).search(same[:1], 5)[0].tolist() == [[0, 1, 2, 3, 4]]

    def test_new_and_changed_items_are_found_and_the_old_index_stays(self, index: ItemIndex, queries: Vectors) -> None:
        target = queries[0]
        old = index.search(target[None], 3)[0][0]
        more = index.add(np.array([ITEMS, old[0]]), np.stack([target, -target]))
        assert len(more) == ITEMS + 1
        rows, scores = more.search(target[None], 3)
        assert rows[0].tolist() == [ITEMS, old[1], old[2]]
        assert scores[0, 0] == pytest.approx(1, abs=1e-5)
        assert index.search(target[None], 3)[0][0].tolist() == old.tolist()
        again = more.add(np.array([ITEMS]), -target[None])
        assert again.search(target[None], 1)[0].tolist() == [[old[1]]]
        allow = np.zeros(ITEMS + 1, dtype=bool)
        allow[ITEMS] = True
        assert more.search(target[None], 1, allow=allow)[0].tolist() == [[ITEMS]]
        assert more.search(target[None], 1, exclude=[np.array([ITEMS])])[0].tolist() == [[old[1]]]

    def test_threads_search_while_items_come(self, index: ItemIndex, queries: Vectors) -> None:
        alone = index.search(queries, 5)[0].tolist()
        with ThreadPoolExecutor(4) as pool:
            found = [pool.submit(index.search, queries, 5) for _ in range(8)]
            index.add(np.arange(ITEMS, ITEMS + 20), queries)
            assert all(one.result()[0].tolist() == alone for one in found)
