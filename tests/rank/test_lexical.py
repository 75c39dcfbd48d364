from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from promptrec.errors import PromptrecError
from promptrec.rank.lexical import Lexical, stem, tokens
from promptrec.recommender import Recommender
from promptrec.workspace import read_json, write_json

TEXTS = ("Vitamin C serums for the face", "动作喜剧片", "War and Peace. Romance", "A film of wars")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The WARS of a heart_1", ["war", "heart_1"]),
        ("轻松的喜剧 with 我", ["轻松", "松的", "的喜", "喜剧", "我"]),
        ("ｆｕｌｌ width", ["full", "width"]),
        ("コメディ 코미디", ["コメ", "メデ", "ディ", "코미", "미디"]),
        ("  !?, ", []),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert [token.term for token in tokens(text)] == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("comedies", "comedy"),
        ("glass", "glass"),
        ("virus", "virus"),
        ("gas", "gas"),
        ("été", "été"),
    ],
)
def test_stem(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize("words", [("comedies", "comedy"), ("movies", "movie"), ("horses", "horse"), ("cars", "car")])
def test_a_word_and_its_plural_count_as_one(words: tuple[str, str]) -> None:
    assert stem(words[0]) == stem(words[1])


@pytest.mark.parametrize(
    ("request_", "best", "words"),
    [("SERUM!", 0, ("SERUM",)), ("喜剧电影", 1, ("喜剧",)), ("a romance", 2, ("romance",))],
)
def test_the_item_with_the_words_is_first_and_says_which(request_: str, best: int, words: tuple[str, ...]) -> None:
    lexical = Lexical(TEXTS, 0.5)
    scores = lexical.score(request_)
    assert scores.argmax() == best
    assert np.count_nonzero(scores) == 1
    assert lexical.matches(request_, best) == words
    assert lexical.matches(request_, 3) == ()


def test_the_blend_is_the_documented_formula() -> None:
    meaning = np.array([0.1, 0.4, -0.2, 0.3], dtype=np.float32)
    words = Lexical(TEXTS, 0.3).score("war")
    expected = 0.7 * (meaning - meaning.mean()) / meaning.std() + 0.3 * (words - words.mean()) / words.std()
    np.testing.assert_allclose(Lexical(TEXTS, 0.3).blend(meaning, "war"), expected, rtol=1e-5)


@pytest.mark.parametrize("request_", ["nothing matches", "", "the"])
def test_without_a_matching_word_meaning_decides(request_: str) -> None:
    meaning = np.array([0.1, 0.4, -0.2, 0.3], dtype=np.float32)
    assert Lexical(TEXTS, 0.9).blend(meaning, request_).argsort().tolist() == meaning.argsort().tolist()
    assert Lexical(("", "the"), 0.9).score("film").tolist() == [0, 0]


def test_a_share_outside_0_to_1_is_refused() -> None:
    with pytest.raises(PromptrecError, match=r"from 0 to 1, found 1\.5"):
        Lexical(TEXTS, 1.5)


def test_a_workspace_that_was_trained_with_it_goes_by_words(trained: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    config = read_json(copy / "backbone" / "1" / "config.json", "config")
    assert config["card"]["lexical"] == 0
    config["card"]["lexical"] = 0.9
    write_json(copy / "backbone" / "1" / "config.json", config)
    first = Recommender.load(copy).recommend(["C0", "C1"], request="number 13", k=3).items
    assert {item.id for item in first} == {"C13", "R13", "W13"}
    assert all("has “13”, “number” of your request" in item.reasons for item in first)
    without = Recommender.load(trained).recommend(["C0", "C1"], request="number 13", k=3)
    assert not any("of your request" in reason for item in without.items for reason in item.reasons)
    assert replace(without, items=()) == replace(Recommender.load(copy).recommend(["C0"], "number 13", k=1), items=())
