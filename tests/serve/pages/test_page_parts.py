from __future__ import annotations

import pytest
from starlette.datastructures import QueryParams

from promptrec.recommender import Recommender
from promptrec.serve.pages.asked import Asked
from promptrec.serve.pages.plots import intervals
from promptrec.serve.pages.reasons import in_words
from promptrec.serve.pages.rendering import LANGUAGES, words_in


def test_an_address_says_all_that_was_asked_and_is_read_back() -> None:
    asked = Asked("ann", ("a,b", "c&d"), ("x",), "轻松 & more", ("plain", "w.laughs"), 80, 10)
    assert Asked.of(QueryParams(asked.query())) == asked
    assert Asked().query() == ""


@pytest.mark.parametrize(
    ("pressed", "expected"),
    [
        ("h=a&add=b", "h=a&h=b"),
        ("h=a&x=b&like=b", "h=a&h=b"),
        ("h=a&hide=b", "h=a&x=b"),
        ("h=a&h=b&drop=a", "h=b"),
        ("x=a&unhide=1", ""),
        ("person=ann", "u=ann"),
        ("c=plain&c=words&column=p.n", "c=plain&c=words&c=p.n"),
        ("c=plain&c=words&c=p.n&close=1", "c=plain&c=p.n"),
        ("w=abc&d=900&close=9", "d=100"),
    ],
)
def test_a_button_changes_one_thing(pressed: str, expected: str) -> None:
    assert Asked.of(QueryParams(pressed)).query() == expected


def test_both_languages_have_the_same_sentences() -> None:
    english, chinese = (words_in(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()


def test_every_reason_of_the_ranker_is_translated(recommender: Recommender) -> None:
    recommender.library.save(recommender.requests.prompt("war", "reasoned"))
    answer = recommender.recommend(["W0", "W1", "C2"], "a funny comedy", "reasoned", k=10)
    reasons = [reason for item in answer for reason in item.reasons]
    assert any(reason.startswith("fits your request") for reason in reasons)
    chinese = [in_words(reason, words_in("zh")) for reason in reasons]
    assert all(any("一" <= letter <= "鿿" for letter in reason) for reason in chinese), chinese


def test_intervals_lie_on_one_scale_with_zero() -> None:
    first, second = intervals(
        [("a", "", {"value": 0.5, "low": 0.4, "high": 0.6}), ("b", "", {"value": -0.2, "low": None, "high": None})]
    )
    assert second.left == second.middle == second.right == 2
    assert second.middle < (first.zero or 0) < first.left < first.middle < first.right <= 98
