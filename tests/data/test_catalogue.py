from __future__ import annotations

import numpy as np
import polars as pl

from promptrec.data.catalogue import Catalogue


def test_an_item_is_called_by_its_title_or_the_beginning_of_its_description_or_its_id() -> None:
    items = pl.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "title": [" Jumanji ", None, "  ", ""],
            "description": ["A game.", " word" * 50, "Short.", None],
        }
    )
    catalogue = Catalogue(items)

    assert [catalogue.title(row) for row in np.arange(4)] == ["Jumanji", ("word " * 16)[:80], "Short.", "4"]
    assert catalogue.titles.to_list() == [catalogue.title(row) for row in range(4)]
    assert Catalogue(items[["id"]]).title(2) == "3"


def test_a_history_of_ids_alone_is_what_events_without_time_are() -> None:
    catalogue = Catalogue(pl.DataFrame({"id": ["a", "b"]}))
    for ids in (["b", "a", "b"], ["b", "other", "a"], []):
        short, unknown = catalogue.history(ids)
        long, missing = catalogue.history([(id_, None, "view") for id_ in ids])
        assert (short.rows.tolist(), short.kinds, unknown) == (long.rows.tolist(), long.kinds, missing)
        assert np.isnan(short.times).all()
    assert catalogue.history(["b", ("a", 5.0, "buy")])[0].kinds == ("view", "buy")


def test_the_text_of_an_item_without_a_title_is_its_whole_description() -> None:
    long = "An introduction that goes on. " * 10
    items = pl.DataFrame(
        {
            "id": ["1", "2", "3", "4"],
            "title": ["Jumanji", None, "", None],
            "year": [1995, None, 2001, None],
            "genres": [["Comedy"], ["War"], None, None],
            "description": ["A game.", long, "Short.", None],
        }
    )

    assert Catalogue(items).texts == (
        "Jumanji (1995). Comedy. A game.",
        f"{long.strip()}. War",
        "Short. (2001)",
        "4",
    )
