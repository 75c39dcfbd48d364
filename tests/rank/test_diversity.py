from __future__ import annotations

import numpy as np
import pytest

from promptrec.errors import PromptrecError
from promptrec.rank.diversity import candidates, varied

# Two bundles: rows 0 to 2 point one way and score best, rows 3 and 4 point another way.
VECTORS = np.array([[1, 0], [1, 0.01], [1, 0.02], [0, 1], [0.01, 1]], dtype=np.float32)
SCORES = np.array([0.9, 0.89, 0.88, 0.5, 0.1], dtype=np.float32)


def test_more_diversity_takes_from_the_other_bundle() -> None:
    assert varied(SCORES, VECTORS, 3, 0.05).tolist() == [0, 1, 2]
    assert varied(SCORES, VECTORS, 3, 0.6).tolist()[:2] == [0, 3]
    assert set(varied(SCORES, VECTORS, 2, 1.0)) == {0, 3}


def test_it_is_the_documented_formula() -> None:
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    relevance = (SCORES - SCORES.min()) / np.ptp(SCORES)
    chosen = [0]
    while len(chosen) < 5:
        marginal = 0.7 * relevance - 0.3 * (unit @ unit[chosen].T).max(axis=1)
        marginal[chosen] = -np.inf
        chosen.append(int(marginal.argmax()))
    assert varied(SCORES, VECTORS, 5, 0.3).tolist() == chosen


def test_fewer_candidates_than_asked_for_and_equal_scores_are_answered() -> None:
    assert sorted(varied(np.ones(2, dtype=np.float32), VECTORS[:2], 5, 0.5)) == [0, 1]


def test_candidates_are_bounded_and_the_range_is_checked() -> None:
    assert (candidates(10, 0), candidates(10, 0.1), candidates(100, 0.1)) == (10, 200, 500)
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(PromptrecError, match="diversity: expected 0"):
            candidates(10, wrong)
