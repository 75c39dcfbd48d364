from __future__ import annotations

import polars as pl
import pytest

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.scenario import match
from promptrec.errors import PromptrecError

SATURDAY = 2 * 86400.0  # 3 January 1970


@pytest.fixture
def dataset() -> Dataset:
    events = pl.DataFrame(
        [
            ("u", "a", 0.0, "rating", 5.0, 1.0, None),
            ("u", None, 1.0, "search", None, 1.0, "spies"),
            ("u", "b", SATURDAY + 3600, "rating", 3.0, 1.0, None),
            ("v", "b", None, "rating", 5.0, 1.0, None),
        ],
        schema=EVENT_COLUMNS,
        orient="row",
    )
    items = pl.DataFrame(
        {"id": ["b", "a"], "title": ["Bond", "Alien"], "year": [1962, None], "genres": [["Comedy", "Action"], None]}
    )
    return Dataset(events, items, manifest={"value_name": "rating"})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rating = 5", [True, False, True]),
        ("value = 5 AND item = 'a'", [True, False, False]),
        ("array_contains(genres, 'Comedy') AND year < 1980", [False, True, True]),
        ("NOT (year < 1980)", [False, False, False]),
        ("weekday >= 6", [False, True, False]),
        ("weekday = 4 OR hour = 1", [True, True, False]),
        ("time < 10", [True, False, False]),
        ("event_number = 2", [False, True, False]),
        ("title LIKE 'Bo%' AND kind = 'rating' AND \"user\" = 'v'", [False, False, True]),
    ],
)
def test_expressions(dataset: Dataset, expression: str, expected: list[bool]) -> None:
    if any(expected):
        assert match(dataset, expression).tolist() == expected
        assert len(expected) == len(dataset.histories.rows)
    else:
        with pytest.raises(PromptrecError, match="matches none of 3 events"):
            match(dataset, expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rating = ", "is not a valid SQL expression"),
        ("", "is not a valid SQL expression"),
        ("SELECT 1", "is not a valid SQL expression"),
        ("title > 5", "is not a valid SQL expression"),
        ("stars = 5", "the columns are user, item, time, kind, value, weekday"),
        ("rating", "expected a condition"),
        ("max(rating) = 5", "expected a condition"),
        ("rating = 9", "matches none"),
    ],
)
def test_what_is_no_scenario(dataset: Dataset, expression: str, expected: str) -> None:
    with pytest.raises(PromptrecError) as caught:
        match(dataset, expression)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
