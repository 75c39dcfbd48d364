"""Every method does what a tuner must do, on every backbone that takes it."""

from __future__ import annotations

import pytest

from contracts.prompt_tuner import PromptTunerContract
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.tune.tune import tune


class TestShift(PromptTunerContract):
    method = "shift"


class TestPrefix(PromptTunerContract):
    method = "prefix"
    text = "films with five stars"


class TestFactorization(PromptTunerContract):
    """Without a method: a shift and a gate."""

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls, factorized: Recommender) -> Recommender:
        return factorized

    def test_it_takes_no_prefix(self, subject: Recommender) -> None:
        for method in ("prefix", "last-prefix", "input", "low-rank"):
            with pytest.raises(PromptrecError, match="takes no prefix; use --method shift"):
                tune(subject, "prefix", "rating = 5", method=method)
