from __future__ import annotations

import polars as pl

from promptrec.data.catalogue import Catalogue


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
