"""What is wanted, what is hinted at and what is not wanted."""

from __future__ import annotations

import pytest

from promptrec.backbone.clauses import Clauses, clauses_of, joined_wishes


@pytest.mark.parametrize(
    ("request_", "wanted", "unwanted"),
    [
        ("any good comedy?", "any good comedy?", ()),
        ("有没有好的喜剧", "有没有好的喜剧", ()),
        ("a comedy from the 90s, not for children", "a comedy from the 90s", ("for children",)),
        ("something funny but not romantic", "something funny", ("romantic",)),
        ("I don't want war films, but adventure", "but adventure", ("war films",)),
        ("no horror please", "", ("horror please",)),
        ("轻松的喜剧，不要爱情片", "轻松的喜剧", ("爱情片",)),
        ("喜剧，不要爱情片，也不要恐怖片", "喜剧", ("爱情片", "恐怖片")),
        ("movies like No Country for Old Men", "movies like No Country for Old Men", ()),
        ("不", "不", ()),
    ],
)
def test_refusals_are_read_as_words(request_: str, wanted: str, unwanted: tuple[str, ...]) -> None:
    assert clauses_of(request_) == Clauses(wanted, (), unwanted)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("a comedy with a touch of romance", Clauses("a comedy", ("romance",))),
        ("war films, preferably from the 1950s, no comedy", Clauses("war films", ("from the 1950s",), ("comedy",))),
        ("a thriller, a bit of horror and a hint of romance", Clauses("a thriller", ("horror and a hint of romance",))),
        ("喜剧，略带爱情，最好是90年代的", Clauses("喜剧", ("爱情", "90年代的"))),
        ("a touch of romance", Clauses("a touch of romance")),
        ("films with Preston Sturges", Clauses("films with Preston Sturges")),
        ("给我来点喜剧", Clauses("给我来点喜剧")),
    ],
)
def test_hints_are_read_as_words(request_: str, expected: Clauses) -> None:
    assert clauses_of(request_) == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("war, a slight touch of romance", Clauses("war", slightly=("romance",))),
        ("喜剧，带一丝爱情", Clauses("喜剧", slightly=("爱情",))),
        ("a comedy, but not too much romance", Clauses("a comedy", less=("romance",))),
        ("films, preferably not from the 1990s", Clauses("films", less=("from the 1990s",))),
        ("war films, less comedy, no romance", Clauses("war films", (), ("romance",), (), ("comedy",))),
        ("喜剧，少一点爱情，不要战争", Clauses("喜剧", (), ("战争",), (), ("爱情",))),
        ("喜剧，最好不要爱情", Clauses("喜剧", less=("爱情",))),
        ("最好的喜剧", Clauses("最好的喜剧")),
        ("something less known", Clauses("something less known")),
        ("less than two hours", Clauses("less than two hours")),
    ],
)
def test_slight_hints_and_half_refusals_are_read_as_words(request_: str, expected: Clauses) -> None:
    assert clauses_of(request_) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("a comedy for tonight", ()),
        ("from the 1990s", ()),
        ("looking for comedy and romance", ("looking for comedy", "romance")),
        ("a comedy from the 1990s", ("a comedy", "from the 1990s")),
        ("80s action with robots", ("action", "robots", "80s")),
        ("既是喜剧又是爱情片", ("既是喜剧", "爱情片")),
        ("想看90年代的喜剧", ("想看 喜剧", "90年代的")),
        ("科幻、动作", ("科幻", "动作")),
        ("Blade Runner 2049", ()),
    ],
)
def test_joined_wishes_are_told_apart(wanted: str, expected: tuple[str, ...]) -> None:
    assert joined_wishes(wanted) == expected
