"""The sentences that a search tries next to one."""

from __future__ import annotations

import numpy as np
import polars as pl

from promptrec.backbone.qualities import SPOKEN
from promptrec.data.catalogue import Catalogue
from promptrec.recommender import Recommender
from promptrec.tune.search import Found
from promptrec.tune.wording import Vocabulary, hinted, qualified, reworded, rewordings, shorter, vocabulary

ENGLISH = Vocabulary(
    "en", ("war", "comedy"), ("from the 1990s",), ("submarines",), {"popular": ("popular", "little known")}
)
CHINESE = Vocabulary("zh", ("战争片", "喜剧"), ("1990年代的",), (), {"popular": SPOKEN["popular"]["zh"]})


def test_what_is_wanted_is_reworded_in_the_first_clause() -> None:
    found = reworded("old war, popular", ENGLISH)
    assert {"old war and comedy, popular", "old comedy, popular", "old war from the 1990s, popular"} <= set(found)
    assert "old war about submarines, popular" in found
    assert "old submarines, popular" not in found
    assert all(sentence.endswith(", popular") for sentence in found)
    assert "战争片和喜剧" in reworded("战争片", CHINESE)
    assert "1990年代的战争片" in reworded("战争片", CHINESE)


def test_a_shorter_sentence_does_not_end_in_a_word_that_joins() -> None:
    assert shorter("horror and thrillers, popular", "en") == [
        "horror and thrillers",
        "thrillers, popular",
        "horror thrillers, popular",
        "horror, popular",
    ]
    assert shorter("war", "en") == []


def test_only_what_is_wanted_is_put_in_other_wordings() -> None:
    found = rewordings("war, popular")
    assert "recommend war, popular" in found
    assert all(sentence.endswith(", popular") for sentence in found)


def test_hints_and_qualities_are_clauses_of_their_own() -> None:
    assert set(hinted("war", ENGLISH)) == {
        "war, a touch of comedy",
        "war, a slight touch of comedy",
        "war, not too much comedy",
        "war, preferably from the 1990s",
        "war, preferably not from the 1990s",
    }
    assert qualified("war", ENGLISH) == ["war, popular", "war, little known"]
    assert "战争片，略带喜剧" in hinted("战争片", CHINESE)


def test_a_shade_takes_the_place_of_one_of_the_same() -> None:
    assert qualified("war, popular, a touch of comedy", ENGLISH) == ["war, little known, a touch of comedy"]
    assert "war, a slight touch of comedy" in hinted("war, a touch of comedy", ENGLISH)
    assert all(sentence.count("comedy") <= 1 for sentence in hinted("war, a touch of comedy", ENGLISH))


def test_the_vocabulary_has_no_words_that_only_join(recommender: Recommender) -> None:
    known = vocabulary(recommender.catalogue, {}, None, ["popular"])
    assert set(known.attributes) == {"comedy", "war", "romance"}
    assert list(known.qualities) == ["popular"]
    assert not {"of", "the", "and"} & {word for phrase in known.phrases for word in phrase.split()}


def test_chinese_texts_give_their_nouns() -> None:
    courses = Catalogue(
        pl.DataFrame(
            {
                "id": [str(n) for n in range(18)],
                "title": ["同时学习计算机科学与数据结构"] * 6 + ["通过心理学的方法，online course"] * 6 + ["音乐"] * 6,
            }
        )
    )
    known = vocabulary(courses, {}, None)
    assert known.language == "zh"
    assert set(known.phrases) == {"计算机科学", "数据结构", "心理学", "方法", "音乐"}
    assert vocabulary(courses, {}, "courses").phrases == ("online", "course", "online course")


def test_chinese_things_are_left_out_one_by_one() -> None:
    assert shorter("心理学和战争与和平，热门", "zh") == ["心理学和战争与和平", "战争与和平，热门", "心理学，热门"]
    assert "喜剧和数学" in reworded("物理和数学", CHINESE)


def test_what_is_ahead_for_one_person_alone_is_luck() -> None:
    """Twenty questions of one person and two others: their differences are three, not twenty-two."""
    people = np.array([0] * 20 + [1, 2])
    plain, ahead, everybody = np.zeros(22), np.where(people == 0, 0.1, 0.0), np.full(22, 0.1)
    one, other, sure = (Found("war", ndcg, 0.0) for ndcg in (plain, ahead, everybody))
    apart = np.arange(22)
    assert not one.near(other, apart)
    assert not one.near(sure, people)
    assert one.near(Found("war", np.where(people == 0, 0.1, -0.9), 0.0), people)
