"""Intervals and p-values on data whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from promptrec.evaluate.significance import (
    bootstrap_interval,
    bootstrap_intervals,
    holm,
    paired_difference,
    sign_flip_p,
)


def test_bootstrap_repeats_and_covers() -> None:
    values = np.random.default_rng(0).normal(1, 1, 400)
    found = bootstrap_interval(values, 1)
    assert found == bootstrap_interval(values, 1)
    assert found["low"] < found["value"] < found["high"]
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.15)
    assert found != bootstrap_interval(values, 2)
    with pytest.raises(ValueError, match="no values"):
        bootstrap_interval(np.empty(0), 0)


def test_a_persons_examples_go_together() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(size=100)
    repeated, people = np.repeat(each, 25), np.repeat(np.arange(100), 25)
    alone, together = bootstrap_interval(repeated, 0), bootstrap_interval(repeated, 0, people=people)
    once = bootstrap_interval(each, 0)
    assert alone["high"] - alone["low"] < (together["high"] - together["low"]) / 3
    assert together == pytest.approx(once)


def test_people_weigh_as_much_as_they_were_asked() -> None:
    found = bootstrap_interval(np.array([1.0, 1, 1, 0]), 0, people=np.array([5, 5, 5, 9]))
    assert found["value"] == 0.75
    assert (found["low"], found["high"]) == (0, 1)


def test_metrics_share_their_draws() -> None:
    values = np.random.default_rng(0).normal(size=50)
    found = bootstrap_intervals({"a": values, "b": values + 1}, 0)
    assert found["b"] == pytest.approx({key: value + 1 for key, value in found["a"].items()})


def test_paired_difference_sees_a_small_steady_gain() -> None:
    before = np.random.default_rng(0).normal(0, 10, 300)
    found = paired_difference(before + 0.1, before, 0)
    assert found["low"] == pytest.approx(0.1)
    assert found["high"] == pytest.approx(0.1)


def test_sign_flips_agree_with_all_flips_and_with_the_t_test() -> None:
    differences = np.array([3.0, 1, 4, -1, 5, -2, 6, 2])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    exact = (np.abs(differences @ signs) >= differences.sum() - 1e-9).mean()
    assert sign_flip_p([differences], 0)[0] == pytest.approx(exact, abs=0.01)
    many = np.random.default_rng(0).normal(0.1, 1, 500)
    assert sign_flip_p([many], 0)[0] == pytest.approx(stats.ttest_1samp(many, 0).pvalue, abs=0.01)


def test_no_difference_is_never_significant_and_a_large_one_always() -> None:
    same, large = np.zeros(50), np.ones(50)
    assert sign_flip_p([same, large], 0) == [1, pytest.approx(1 / 10_001)]


def test_flips_are_of_people() -> None:
    rng = np.random.default_rng(0)
    each = rng.normal(0.1, 1, 40)
    people = np.repeat(np.arange(40), 20)
    assert sign_flip_p([np.repeat(each, 20)], 0, people) == sign_flip_p([each], 0)


def test_p_values_are_right_when_models_are_equal() -> None:
    rng = np.random.default_rng(0)
    p_values = np.array(sign_flip_p(list(rng.normal(size=(200, 60))), 0))
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]
