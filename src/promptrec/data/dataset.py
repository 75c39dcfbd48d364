"""A dataset: what people did (events), what there is (items) and, optionally, who they are (users)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from promptrec.data.catalogue import Catalogue
from promptrec.data.history import Histories
from promptrec.errors import PromptrecError
from promptrec.workspace import SCHEMA_VERSION, new_folder, read_json, write_json

EVENT_COLUMNS = {
    "user": pl.String,
    "item": pl.String,
    "time": pl.Float64,  # epoch seconds; null where only an order is known
    "kind": pl.String,  # view, cart, purchase, rating, search, answer, ...
    "value": pl.Float64,  # rating, plays, price; null where there is none
    "weight": pl.Float64,  # how much an event of this kind counts
    "query": pl.String,  # the words of a search; null elsewhere
}
_PORTION = 200_000  # rows


@dataclass(frozen=True)
class Dataset:
    """Clean data in its canonical columns; ids are the user's own strings.

    events: the columns of `EVENT_COLUMNS`, sorted by user (in order of first appearance in the file) and then by time
        (events of one instant keep the order of the file).
    items: `id`, `title`, `description`, any number of attributes (list attributes are Polars lists); unique ids.
    users: `id` and attributes, or None.
    manifest: how it was made: `name`, `value_name` (what the file called the value: rating, plays, ...), `has_times`,
        `labels` ({language: {attribute word: word in that language}}), the cleaning report's totals, and for each
        import what it read (`imports`).
    """

    events: pl.DataFrame
    items: pl.DataFrame
    users: pl.DataFrame | None = None
    manifest: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.items)

    @cached_property
    def histories(self) -> Histories:
        """The events on items, as arrays over catalogue rows. A search has no item and is left out."""
        return Histories.from_events(self.events.filter(pl.col("item").is_not_null()), self.catalogue)

    @cached_property
    def hash(self) -> str:
        """SHA-256 over events and items; the same data always has the same hash."""
        digest = hashlib.sha256()
        for frame in (self.events, self.items):
            for part in _as_text(frame):
                digest.update(part.encode())
        return digest.hexdigest()

    @property
    def label(self) -> str:
        """What a card says about the data: its name and the beginning of its hash."""
        return f"{self.manifest.get('name', 'dataset')}, hash {self.hash[:16]}"

    def searches(self, user: str) -> tuple[str, ...]:
        """The texts of a person's searches, oldest first; none for a person who is unknown."""
        return self._searches.get(user, ())

    @cached_property
    def _searches(self) -> dict[str, tuple[str, ...]]:
        asked = self.events.lazy().filter(pl.col("query").is_not_null()).select("user", "query").collect()
        return {str(user): tuple(own["query"]) for (user,), own in asked.group_by("user", maintain_order=True)}

    def save(self, folder: Path) -> None:
        """Write Parquet and the manifest into `folder` in one atomic step."""
        with new_folder(folder) as staging:
            self.write_into(staging)

    def write_into(self, folder: Path) -> None:
        self.events.write_parquet(folder / "events.parquet")
        self.items.write_parquet(folder / "items.parquet")
        if self.users is not None:
            self.users.write_parquet(folder / "users.parquet")
        write_json(folder / "manifest.json", {"schema_version": SCHEMA_VERSION, **self.manifest})

    @classmethod
    def load(cls, folder: Path) -> Dataset:
        """Read a saved dataset. Raises PromptrecError where there is none or a file is broken."""
        if not (folder / "manifest.json").exists():
            raise PromptrecError(
                f"{folder}: there is no dataset here; make one with `promptrec data fetch movielens-100k` "
                "or `promptrec data import --events FILE --items FILE`"
            )
        manifest = read_json(folder / "manifest.json", "dataset manifest")
        users = folder / "users.parquet"
        return cls(
            events=_read_parquet(folder / "events.parquet"),
            items=_read_parquet(folder / "items.parquet"),
            users=_read_parquet(users) if users.exists() else None,
            manifest=manifest,
        )


def _read_parquet(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PromptrecError(f"{path}: cannot be read ({error}); import the data again") from None


def _as_text(frame: pl.DataFrame) -> Iterator[str]:
    """The frame as CSV, or as JSON where it has lists, a portion at a time so that memory stays small."""
    lists = any(isinstance(kind, pl.List) for kind in frame.dtypes)
    if lists:
        yield "["
    for start in range(0, max(len(frame), 1), _PORTION):
        portion = frame[start : start + _PORTION]
        if lists:
            yield ("," if start else "") + portion.write_json()[1:-1]
        else:
            yield portion.write_csv(include_header=start == 0)
    if lists:
        yield "]"
