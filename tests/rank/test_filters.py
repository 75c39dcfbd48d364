from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from promptrec.data.catalogue import Catalogue
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.rank.filters import Filters

ITEMS = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "title": ["A", "B", "C", "D"],
        "year": [1980, 1990, 2000, None],
        "price": [1.5, float("nan"), 3.0, None],
        "genres": [["Comedy"], ["Comedy", "War"], [], None],
        "brand": ["x", "y", "x", None],
        "new": [True, False, None, True],
    }
)


@pytest.fixture(scope="module")
def filters() -> Filters:
    return Filters(Catalogue(ITEMS))


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ({}, "abcd"),
        ({"year": {"min": 1990}}, "bc"),
        ({"year": {"max": 1990}}, "ab"),
        ({"year": {"min": 1985, "max": 1995}}, "b"),
        ({"year": {"eq": 2000}}, "c"),
        ({"year": {"any": [1980, 2000]}}, "ac"),
        ({"year": {"none": [1980]}}, "bcd"),
        ({"price": {"min": 0}}, "ac"),
        ({"genres": {"any": ["War", "Drama"]}}, "b"),
        ({"genres": {"all": ["Comedy", "War"]}}, "b"),
        ({"genres": {"none": ["War"]}}, "acd"),
        ({"genres": {"eq": "Comedy"}}, "a"),
        ({"genres": {"eq": ["War", "Comedy"]}}, "b"),
        ({"genres": {"any": []}}, ""),
        ({"brand": {"eq": "x"}, "year": {"min": 1990}}, "c"),
        ({"brand": {"none": ["x"]}}, "bd"),
        ({"new": {"eq": True}}, "ad"),
    ],
)
def test_what_passes(filters: Filters, given: Any, passed: str) -> None:
    assert [id_ for id_, there in zip("abcd", filters.mask(given), strict=True) if there] == list(passed)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"year": {"above": 3}}, r"filters\.year\.above: no such operator; there are eq, any"),
        ({"year": {"min": "1990"}}, r"filters\.year\.min: expected a number, found '1990'"),
        ({"year": {"min": True}}, r"filters\.year\.min: expected a number"),
        ({"price": {"max": float("inf")}}, r"filters\.price\.max: expected a number"),
        ({"genres": {"any": "Comedy"}}, r"filters\.genres\.any: expected a list"),
        ({"genres": {"any": [3]}}, r"filters\.genres\.any: expected words, found 3"),
        ({"genres": {"min": 3}}, r"filters\.genres\.min: genres has no numbers"),
        ({"brand": {"all": ["x"]}}, r"filters\.brand\.all: an item has one brand"),
        ({"brand": {"eq": ["x"]}}, r"filters\.brand\.eq: expected one value"),
        ({"new": {"eq": "yes"}}, r"filters\.new\.eq: expected true or false"),
        ({"year": 1990}, r"filters\.year: expected an object with eq"),
        ({"year": {}}, r"filters\.year: expected an object with eq"),
        (["year"], "filters: expected an object"),
        ({"year": {"eq": {1, 2}}}, "filters: expected words, numbers"),
    ],
)
def test_what_is_refused(filters: Filters, given: Any, says: str) -> None:
    with pytest.raises(PromptrecError, match=says):
        filters.mask(given)


@pytest.mark.parametrize("name", ["colour", "title", "id"])
def test_an_unknown_attribute_is_named_with_those_that_there_are(filters: Filters, name: str) -> None:
    with pytest.raises(NotFoundError, match=rf"filters\.{name}: .* it has year, price, genres, brand, new"):
        filters.mask({name: {"eq": "x"}})


def test_nobody_can_change_what_is_remembered(filters: Filters) -> None:
    with pytest.raises(ValueError, match="read-only"):
        filters.mask({"year": {"eq": 2000}})[0] = True
