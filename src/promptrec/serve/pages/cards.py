"""Cards of the lists, and what moved between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptrec.data.catalogue import Catalogue
from promptrec.serve.pages.pictures import picture_of

MOST_WORDS = 6


@dataclass(frozen=True)
class Card:
    """One recommended item. bar: its score in percent of the list's best, from 2 up. was: its rank in the first list,
    None where it is not among the first that were looked at; moved: up, down, new or nothing, None in the first list.
    """

    id: str
    rank: int
    title: str
    words: tuple[str, ...]
    score: float
    bar: float
    picture: bool
    moved: str | None = None
    was: int | None = None


def cards(
    catalogue: Catalogue,
    items: Sequence[Mapping[str, Any]],
    dataset: Path,
    ranks: Mapping[str, int] | None = None,
    shown: int = 10,
) -> list[Card]:
    """The items of an answer as cards. dataset: the folder in which pictures lie. ranks: the place of each item in the
    list that this one is compared with.
    """
    best = max((item["score"] for item in items), default=0.0)
    made = []
    for rank, item in enumerate(items, start=1):
        row = catalogue.row(item["id"])
        bar = 100 * item["score"] / best if best > 0 else 0.0
        was = None if ranks is None else ranks.get(item["id"])
        made.append(
            Card(
                id=item["id"],
                rank=rank,
                title=item["title"],
                words=attribute_line(catalogue, row),
                score=item["score"],
                bar=round(min(max(bar, 2.0), 100.0), 1),
                picture=picture_of(catalogue, row, dataset) is not None,
                moved=None if ranks is None else _moved(rank, was, shown),
                was=was,
            )
        )
    return made


def _moved(rank: int, was: int | None, shown: int) -> str:
    if was is None or was > shown:
        return "new"
    return "" if was == rank else ("up" if was > rank else "down")


def attribute_line(catalogue: Catalogue, row: int) -> tuple[str, ...]:
    """Year and attribute words of an item, a few of them."""
    known = catalogue.describe(row)
    year = known.get("year")
    words = [f"{year:.0f}"] if isinstance(year, int | float) and math.isfinite(year) else []
    for name in catalogue.word_attributes:
        value = known[name] or []
        words += [value] if isinstance(value, str) else value
    return tuple(dict.fromkeys(words))[:MOST_WORDS]
