from __future__ import annotations

import re

from promptrec.recommender import Recommender

SHARE = re.compile(r"\((\d+)% of its score")


def test_the_items_that_lift_come_with_shares(recommender: Recommender) -> None:
    answer = recommender.recommend(["C0", "C1", "C2"], k=5)
    for item in answer:
        because = [reason for reason in item.reasons if reason.startswith("because of Comedy film")]
        assert 1 <= len(because) <= 2
        assert 0 < sum(int(SHARE.search(reason)[1]) for reason in because) <= 100  # type: ignore[index]
        assert ("shares Comedy with your history" in item.reasons) == (item.id[0] == "C")


def test_of_a_mixed_history_the_like_kind_is_named(recommender: Recommender) -> None:
    best = recommender.recommend(["W3", "C0", "C1", "C2"], k=1).items[0]
    assert best.id[0] == "C"
    assert "Comedy" in next(reason for reason in best.reasons if reason.startswith("because of"))


def test_a_request_says_how_much_it_explains_and_by_which_word(recommender: Recommender) -> None:
    item = recommender.recommend(["C0", "C1"], request="quiet war", k=1).items[0]
    assert item.id[0] == "W"
    fits = next(reason for reason in item.reasons if reason.startswith("fits your request “quiet war”"))
    assert int(SHARE.search(fits)[1]) > 50  # type: ignore[index]
    assert re.search("most by “war”", fits)


def test_a_prompt_is_named_by_its_words(recommender: Recommender) -> None:
    from dataclasses import replace

    prompt = replace(recommender.requests.prompt("a war film"), name="wars")
    saved = recommender.library.save(prompt)
    try:
        answer = recommender.recommend(["C0"], request="romance", prompt="wars", k=30)
    finally:
        recommender.library.delete(saved.name)
    assert any("fits “a war film” (" in reason for item in answer for reason in item.reasons)
    for item in answer:
        assert item.id[0] != "W" or any("fits “a war film” (" in reason for reason in item.reasons)
    assert any("fits your request “romance” (" in reason for item in answer for reason in item.reasons)


def test_without_history_and_request_there_is_nothing_to_say(recommender: Recommender) -> None:
    assert all(item.reasons == () for item in recommender.recommend([], k=3))


def test_reasons_are_left_out_where_nobody_asks_for_them(recommender: Recommender) -> None:
    with_reasons = recommender.recommend(["C0", "C1"], request="war", k=4)
    without = recommender.recommend(["C0", "C1"], request="war", k=4, explain=False)
    assert [(i.id, i.score) for i in without] == [(i.id, i.score) for i in with_reasons]
    assert all(item.reasons == () for item in without)
