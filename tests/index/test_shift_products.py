from __future__ import annotations

import numpy as np
import pytest
import torch

from promptrec.index.exact import ExactIndex
from promptrec.index.shift_products import BLOCK, ShiftProducts

ITEMS, WIDTH = 300, BLOCK + 70


def unit(vectors: np.ndarray) -> np.ndarray:
    made: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return made


@pytest.fixture
def items() -> np.ndarray:
    return unit(np.random.default_rng(0).standard_normal((ITEMS, WIDTH)))


def people(shift: np.ndarray, count: int = 6) -> np.ndarray:
    plain = np.zeros((count, WIDTH))
    plain[:, :BLOCK] = np.random.default_rng(1).standard_normal((count, BLOCK))
    return unit(plain + shift)


def shift_from(start: int, stop: int = WIDTH) -> torch.Tensor:
    made = torch.zeros(WIDTH)
    made[start:stop] = torch.from_numpy(np.random.default_rng(start).standard_normal(stop - start)).float()
    return made


@pytest.mark.parametrize("shift", [shift_from(BLOCK), shift_from(BLOCK + 66), shift_from(3), torch.zeros(WIDTH)])
def test_answers_do_not_depend_on_whether_a_shift_is_named(items: np.ndarray, shift: torch.Tensor) -> None:
    index, queries = ExactIndex(items), people(shift.numpy())
    right = index.search(queries, 20)
    for shifts in ([shift] * 6, [None, shift, None, shift, shift, None], [shift] * 6):
        rows, scores = index.search(queries, 20, shifts=shifts)
        np.testing.assert_array_equal(rows, right[0])
        np.testing.assert_allclose(scores, right[1], atol=1e-6)


def test_a_query_that_something_else_moved_as_well_is_multiplied(items: np.ndarray) -> None:
    index, named = ExactIndex(items), shift_from(BLOCK)
    queries = people(named.numpy() + 0.01 * shift_from(BLOCK + 1).numpy())
    rows, scores = index.search(queries, 20, shifts=[named] * 6)
    right = index.search(queries, 20)
    np.testing.assert_array_equal(rows, right[0])
    np.testing.assert_array_equal(scores, right[1])


def test_what_is_named_is_multiplied_once_and_the_number_kept_is_bounded(items: np.ndarray) -> None:
    kept = ShiftProducts(torch.from_numpy(items), most_bytes=4 * ITEMS * 2)
    shift = shift_from(BLOCK)
    queries = people(shift.numpy())
    left = kept.add(torch.zeros(6, ITEMS), queries, [shift] * 6)
    assert not left[:, BLOCK:].any()
    np.testing.assert_array_equal(left[:, :BLOCK], queries[:, :BLOCK])
    assert queries[:, BLOCK:].any()  # those of the caller are as they were
    for other in range(1, 6):
        kept.add(torch.zeros(6, ITEMS), queries, [shift_from(BLOCK + other)] * 6)
    assert len(kept) == 2


def test_items_that_came_later_are_scored_too(items: np.ndarray) -> None:
    shift = shift_from(BLOCK)
    queries = people(shift.numpy())
    index = ExactIndex(items)
    index.search(queries, 5, shifts=[shift] * 6)
    more = index.add(np.array([0, ITEMS]), queries[:2])
    rows, scores = more.search(queries, 1, shifts=[shift] * 6)
    assert rows[:2, 0].tolist() == [0, ITEMS]
    np.testing.assert_allclose(scores[:2, 0], 1, atol=1e-6)
