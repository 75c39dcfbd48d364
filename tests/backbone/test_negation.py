"""What is wanted and what is not."""

from __future__ import annotations

import pytest

from promptrec.backbone.negation import wanted_and_unwanted


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
    assert wanted_and_unwanted(request_) == (wanted, unwanted)
