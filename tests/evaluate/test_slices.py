from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.split import Split
from promptrec.errors import NotFoundError
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.slices import Slice, by_activity, by_attribute, by_popularity
from promptrec.evaluate.yardstick import Yardstick


def sizes(cut: Slice) -> dict[str, int]:
    return {name: int(mask.sum()) for name, mask in cut.groups}


@pytest.fixture
def dataset() -> Dataset:
    """Five people who have seen items 0 to 3; person n is asked for item n."""
    items = pl.DataFrame(
        {
            "id": [f"i{n}" for n in range(6)],
            "genres": [["War"], ["War", "Comedy"], [], ["Comedy"], None, ["War"]],
            "year": [1950, 1960, None, 1980, 1990, 2000],
        }
    )
    rows = [(f"u{p}", f"i{row}", 0.0, "view", None, 1.0, None) for p in range(5) for row in (0, 1, 2, 3, p)]
    users = pl.DataFrame({"id": ["u1", "u0", "u2", "u3"], "gender": ["F", "M", "F", "F"]})
    return Dataset(pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row"), items, users)


def test_activity(ask) -> None:
    asked = ask([1], [1, 2], *([[*range(n), 99] for n in (4, 5, 9, 10, 200)]))
    found = sizes(by_activity(asked))
    assert found == {"0": 1, "1 to 4": 2, "5 to 9": 2, "10 to 19": 1, "50+": 1}
    assert sizes(by_activity(asked, (0, 1, 3))) == {"0": 1, "1 to 2": 1, "3+": 5}


def test_popularity_thirds_keep_equal_items_together(ask) -> None:
    counts = np.array([30, 10, 10, 10, 10, 10, 10, 0], np.float32)
    found = by_popularity(ask(*([row] for row in range(8))), counts)
    assert sizes(found) == {"head": 1, "middle": 6, "no training event": 1}


def test_attributes_of_items_with_several_words_none_and_numbers(dataset) -> None:
    asked = Split.of(dataset.histories, 0, 0.0).asked("test")
    assert sizes(by_attribute(asked, dataset, "genres")) == {"War": 2, "Comedy": 2, "unknown": 2}
    assert sizes(by_attribute(asked, dataset, "year")) == {"1950": 1, "1960": 1, "1980": 1, "1990": 1, "unknown": 1}


def test_many_numbers_become_quarters(ask, dataset) -> None:
    items = pl.DataFrame({"id": [f"i{n}" for n in range(40)], "price": [float(n) for n in range(40)]})
    many = Dataset(dataset.events, items)
    found = by_attribute(ask(*([row] for row in range(40))), many, "price")
    assert len(found.groups) == 4
    assert sum(sizes(found).values()) == 40
    assert found.groups[0][0] == "0 to under 10"


def test_attributes_of_users(dataset) -> None:
    asked = Split.of(dataset.histories, 0, 0.0).asked("test")
    found = by_attribute(asked, dataset, "gender")
    assert sizes(found) == {"F": 3, "M": 1, "unknown": 1}


def test_an_unknown_attribute_is_named_with_those_that_are_there(dataset) -> None:
    asked = Split.of(dataset.histories, 0, 0.0).asked("test")
    with pytest.raises(NotFoundError, match=r"'colour'.*genres, year, gender"):
        by_attribute(asked, dataset, "colour")


def test_within_a_group_only_its_answers_are_relevant(ask, fixed) -> None:
    asked = ask([5, 0, 3], [5, 1], answers=[2, 1])
    cut = Slice("kind", "kind", (("early", np.array([True, False, True])), ("late", np.array([False, True, False]))))
    yardstick = Yardstick(np.ones(6, np.float32), 2, np.eye(6, dtype=np.float32), seed=0)
    model = Model(fixed([6, 5, 4, 3, 2, 1]), "baseline", "fixed")
    (entry,) = evaluate_models([model], {"test": asked}, yardstick, [cut])
    early, late = entry["slices"]["kind"]["early"], entry["slices"]["kind"]["late"]
    assert (early["examples"], late["examples"]) == (2, 1)
    assert early["ndcg@10"]["value"] == pytest.approx((1 + 1 / np.log2(3)) / 2)
    assert late["ndcg@10"]["value"] == pytest.approx(1 / np.log2(5))
