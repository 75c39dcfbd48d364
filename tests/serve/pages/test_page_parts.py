from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.datastructures import QueryParams

from promptrec.data.scenario import match
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.evaluate.questions import questions
from promptrec.prompt.library import check_name
from promptrec.recommender import Recommender
from promptrec.serve.pages.asked import Asked
from promptrec.serve.pages.clicks import arms, wilson
from promptrec.serve.pages.plots import intervals
from promptrec.serve.pages.problems import problem_in_words
from promptrec.serve.pages.reasons import in_words
from promptrec.serve.pages.rendering import LANGUAGES, coded, words_in
from promptrec.serve.pages.steering import Steering
from promptrec.tune.task import task_of


def test_an_address_says_all_that_was_asked_and_is_read_back() -> None:
    asked = Asked("ann", ("a,b", "c&d"), ("x",), "轻松 & more", "0f" * 16, ("plain", "w.laughs"), 80, 10)
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
        ("x=a&x=b&show=a", "x=b"),
        ("h=a&i=00ff&nopicture=1", "h=a"),
        ("c=plain&c=words&column=p.n", "c=plain&c=words&c=p.n"),
        ("c=plain&c=words&c=p.n&close=1", "c=plain&c=p.n"),
        ("w=abc&d=900&close=9", "d=100"),
        ("c=p.a&was.0=p.a&blend.0=b", "c=p.a%3A50%2Cb%3A50"),
        ("c=p.a:50,b:50&was.0=p.a:50,b:50&mix.0.a=20&mix.0.b=50", "c=p.a%3A20%2Cb%3A50"),
        ("c=plain&c=w.a:50,b:50&was.1=w.a:50,b:50&mix.1.a=0&mix.1.b=50", "c=plain&c=w.b"),
        ("c=words&was.0=p.a:50,b:50&mix.0.a=0&mix.0.b=50", "c=words"),
    ],
)
def test_a_button_changes_one_thing(pressed: str, expected: str) -> None:
    assert Asked.of(QueryParams(pressed)).query() == expected


@pytest.mark.parametrize("address", ["plain", "words", "p.a", "w.a", "p.a:70,b:30", "w.a:1,b-2:100,c_3:5"])
def test_what_steers_a_list_is_one_word_of_the_address(address: str) -> None:
    assert Steering.of(address).address == address


def test_shares_of_a_mix_add_up_and_odd_addresses_are_names() -> None:
    assert Steering.of("p.a:30,b:10").shares == (("a", 30, 75), ("b", 10, 25))
    assert Steering.of("p.a:x,<script>").parts == (("a:x", 50), ("<script>", 50))
    assert Steering.of("p.a:99999999999999,b:0").parts == (("a", 100), ("b", 0))


def test_both_languages_have_the_same_sentences() -> None:
    english, chinese = (words_in(language) for language in LANGUAGES)
    assert english.keys() == chinese.keys()


def test_code_in_a_sentence_is_marked_and_the_rest_stays_text() -> None:
    assert coded("run `a <b>` & <i>") == "run <code>a &lt;b&gt;</code> &amp; &lt;i&gt;"


def test_every_reason_of_the_ranker_is_translated(recommender: Recommender) -> None:
    recommender.library.save(recommender.requests.prompt("war", "reasoned"))
    answer = recommender.recommend(["W0", "W1", "C2"], "a funny comedy", "reasoned", k=10)
    reasons = [reason for item in answer for reason in item.reasons]
    assert any(reason.startswith("fits your request") for reason in reasons)
    chinese = [in_words(reason, words_in("zh")) for reason in reasons]
    assert all(any("一" <= letter <= "鿿" for letter in reason) for reason in chinese), chinese


def test_what_forms_refuse_and_jobs_fail_with_is_translated(recommender: Recommender) -> None:
    split = recommender.split
    kept_out, chosen_on = (split.histories.users[people[0]] for people in (split.test, split.training))
    refused: list[Callable[[], object]] = [
        lambda: task_of(recommender, f"\"user\" = '{kept_out}'", None, None, 0),
        lambda: task_of(recommender, f"\"user\" = '{chosen_on}'", None, None, 0),
        lambda: questions(split, "time"),
        lambda: questions(split, "cold-items"),
        lambda: questions(Split.of(split.histories, 0, people_out=0.0), "cold-people"),
        lambda: check_name("No Such Name"),
        lambda: match(recommender.dataset, "rating >"),
        lambda: match(recommender.dataset, "stars = 5"),
        lambda: match(recommender.dataset, "rating + 1"),
        lambda: match(recommender.dataset, "rating = 77"),
        lambda: recommender.library.load("nothing"),
        lambda: recommender.catalogue.row("nothing"),
    ]
    for refuse in refused:
        with pytest.raises(PromptrecError) as raised:
            refuse()
        chinese = problem_in_words(str(raised.value), words_in("zh"))
        assert any("一" <= letter <= "鿿" for letter in chinese), chinese
    assert problem_in_words("of no known kind", words_in("zh")) == "of no known kind"


def test_intervals_lie_on_one_scale_with_zero() -> None:
    first, second = intervals(
        [("a", "", {"value": 0.5, "low": 0.4, "high": 0.6}), ("b", "", {"value": -0.2, "low": None, "high": None})]
    )
    assert second.left == second.middle == second.right == 2
    assert second.middle < (first.zero or 0) < first.left < first.middle < first.right <= 98


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    for clicked, shown, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        assert wilson(clicked, shown) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(20, 20)[1] == 1.0


def test_arms_lie_on_one_scale_those_shown_most_first() -> None:
    first, second = arms({"wars@2": (50, 25), ":none": (200, 10)})
    assert (first.steered, first.shown, first.clicked, first.prompt) == (":none", 200, 10, None)
    assert second.prompt == ("wars", "2")
    assert first.line.left < first.line.middle < first.line.right < second.line.left < second.line.right <= 98
