from __future__ import annotations

import pytest

from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.tune.tune import tune

EVEN_FILMS = "rating = 5"


@pytest.mark.parametrize(
    ("name", "scenario", "says"),
    [
        ("Bad Name", "rating = 5", "prompt name"),
        ("none", "rating = 9", "match"),
        ("broken", "rating ==== 5", "rating ==== 5"),
        ("column", "colour = 'red'", "colour"),
        ("number", "rating + 1", "rating"),
    ],
)
def test_what_cannot_be_tuned_is_refused(recommender: Recommender, name: str, scenario: str, says: str) -> None:
    with pytest.raises(PromptrecError, match=says):
        tune(recommender, name, scenario)
    assert name not in recommender.library.names()
