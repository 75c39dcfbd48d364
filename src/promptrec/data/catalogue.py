"""The items in a fixed order: the only place where ids become row numbers and row numbers become ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.history import Event, History
from promptrec.errors import NotFoundError, PromptrecError

Rows = npt.NDArray[np.int64]
TEXT_COLUMNS = ("title", "description")
FILE_COLUMNS = ("image", "audio")  # columns that name files
NOT_ATTRIBUTES = ("id", *TEXT_COLUMNS, *FILE_COLUMNS)
DESCRIBED = 80  # characters of a description that stand for a title
TITLES = 20_000  # kept as strings: about 3 MB


class Catalogue:
    """Items by row, immutable. Row order is the order of the items file and carries no meaning to any model."""

    def __init__(self, items: pl.DataFrame) -> None:
        if items.is_empty():
            raise PromptrecError("the catalogue is empty: at least one item is needed")
        self.items = items
        self.ids: tuple[str, ...] = tuple(items["id"].to_list())
        self._rows = {id_: row for row, id_ in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def row(self, id_: str) -> int:
        """The row of an id. Raises NotFoundError."""
        try:
            return self._rows[id_]
        except KeyError:
            raise NotFoundError(f"item {id_!r} is not in the catalogue of {len(self):,} items") from None

    def rows(self, ids: Iterable[str]) -> Rows:
        """Rows of ids, -1 where an id is unknown."""
        return np.fromiter(map(self._rows.get, ids, repeat(-1)), dtype=np.int64)

    def history(self, events: Sequence[Event | str]) -> tuple[History, list[str]]:
        """The history of `events`, given as ids or (id, time, kind) in order, and the ids that are unknown."""
        if set(map(type, events)) <= {str}:  # as a service is asked most, in a tenth of the time
            rows = self.rows(events)  # type: ignore[arg-type]
            if rows.min(initial=0) >= 0:
                return History(rows, np.full(len(rows), np.nan), ("view",) * len(rows)), []
        known: list[tuple[int, float, str]] = []
        unknown: list[str] = []
        for event in events:
            id_, time, kind = (event, None, "view") if isinstance(event, str) else event
            row = self._rows.get(id_, -1)
            if row < 0:
                unknown.append(id_)
            else:
                known.append((row, float("nan") if time is None else float(time), kind))
        return History.of(known), unknown

    @cached_property
    def title(self) -> Callable[[int], str]:
        """Gives what to call the item at a row, as `titles` says. The latest that were asked for are remembered: what
        is popular is shown again and again, and all titles of a million items would take 40 MB.
        """
        bounds = {"title": None, "description": DESCRIBED}
        columns = [(self.items[name], most) for name, most in bounds.items() if name in self.items.columns]
        ids = self.ids

        def named(row: int) -> str:
            for column, most in columns:
                text: str = (column[int(row)] or "").strip()[:most]
                if text:
                    return text
            return ids[row]

        return lru_cache(TITLES)(named)

    @property
    def titles(self) -> pl.Series:
        """What to call each item: its title, else the beginning of its description, else its id. Made at each call and
        not kept."""
        names = self.items.select(
            pl.coalesce(self._text("title"), self._text("description").str.slice(0, DESCRIBED), "id")
        )
        return names.to_series()

    def _text(self, column: str) -> pl.Expr:
        if column not in self.items.columns:
            return pl.lit(None, dtype=pl.String)
        text = pl.col(column).str.strip_chars()
        return pl.when(text != "").then(text)

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute columns."""
        return tuple(name for name in self.items.columns if name not in NOT_ATTRIBUTES)

    @cached_property
    def word_attributes(self) -> tuple[str, ...]:
        """Attributes whose values are words (a string or a list of strings), as opposed to numbers."""
        kinds = dict(zip(self.items.columns, self.items.dtypes, strict=True))
        return tuple(name for name in self.attributes if kinds[name] == pl.String or kinds[name] == pl.List(pl.String))

    def words_of(self, attribute: str) -> list[list[str]]:
        """For each item the words of `attribute`, an empty list where it has none."""
        column = self.items[attribute]
        if column.dtype == pl.List(pl.String):
            return [list(words) if words is not None else [] for words in column.to_list()]
        return [[word] if word else [] for word in column.to_list()]

    @cached_property
    def decades(self) -> npt.NDArray[np.float64]:
        """(items,) the decade of each item's year, as 1990; NaN where there is none."""
        if "year" not in self.attributes:
            return np.full(len(self), np.nan)
        years: npt.NDArray[np.float64] = self.items["year"].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        return np.floor(years / 10) * 10

    def describe(self, row: int) -> dict[str, Any]:
        """Everything known about one item, as plain values."""
        return self.items.row(row, named=True)

    @property
    def texts_apart(self) -> dict[str, list[str | None]]:
        """Each item's title (year) and its description, None where it has none; empty where no item has both."""
        title, description = self._text("title"), self._text("description")
        if not self.items.select((title.is_not_null() & description.is_not_null()).any()).item():
            return {}
        apart = self.items.select(title=self._with_year(title), description=description)
        return {name: apart[name].to_list() for name in apart.columns}

    def _with_year(self, name: pl.Expr) -> pl.Expr:
        if "year" not in self.attributes:
            return name
        year = pl.col("year").cast(pl.Int64).cast(pl.String)
        return name + (" (" + year + ")").fill_null("")

    @property
    def texts(self) -> tuple[str, ...]:
        """One text an item: title (year). words of its attributes. description. Without a title it begins with the
        whole description, without both with the id. Made at each call and not kept: a million take 110 MB."""
        name, description = pl.coalesce(self._text("title"), self._text("description"), "id"), self._text("description")
        parts = [self._with_year(name)]
        for attribute in self.word_attributes:
            column = pl.col(attribute)
            if self.items.schema[attribute] == pl.List(pl.String):
                parts.append(pl.when(column.list.len() > 0).then(column.list.join(" ")))
            else:
                parts.append(pl.when(column != "").then(column))
        parts.append(pl.when(description != name).then(description))
        joined = self.items.select(pl.concat_str(parts, separator=". ", ignore_nulls=True)).to_series()
        return tuple(joined.to_list())
