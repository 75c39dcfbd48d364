"""Files in, a clean dataset out, in one atomic step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from rich.prompt import Confirm

from promptrec.data.cleaning import Cleaning
from promptrec.data.columns import FileKind, choose_columns, shown
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.reading import RECORD, Table, read
from promptrec.errors import PromptrecError
from promptrec.progress import console, say
from promptrec.workspace import Workspace, new_folder, write_json

Columns = Mapping[str, Mapping[str, str]]
_LATEST = 1e11  # epoch seconds, in the year 5138: larger numbers are milliseconds
_NUMERIC_FROM = 0.99  # an attribute is a number where at least this share of its values is; the others are emptied
_TEXTS = ("id", "title", "description", "image")


def import_dataset(
    workspace: Workspace,
    events: Path,
    items: Path | None = None,
    users: Path | None = None,
    columns: Columns | None = None,
    list_separator: str | None = None,
    assume_yes: bool = True,
    name: str = "imported",
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> Dataset:
    """Read, clean and save a dataset, replacing the one in the workspace; on an error nothing changes.

    columns: {"events" | "items" | "users": {role: column of the file}}; roles not given are guessed from common names.
    list_separator: splits attributes that contain it into lists; without it `|` does, and a space in the `token_seq`
        columns of RecBole files.
    labels: {language: {attribute word: word in that language}}, kept in the manifest.
    """
    tables: dict[FileKind, Table] = {"events": read(Path(events))}
    if items is not None:
        tables["items"] = read(Path(items))
    if users is not None:
        tables["users"] = read(Path(users))
    unknown = sorted(set(columns or {}) - set(tables))
    if unknown:
        raise PromptrecError(f"columns are mapped for {unknown[0]!r}; the files given are {', '.join(tables)}")
    chosen = {kind: choose_columns(kind, table, (columns or {}).get(kind, {})) for kind, table in tables.items()}
    for kind in tables:
        say(shown(kind, chosen[kind]))
    if not assume_yes:
        _confirm()

    cleaning = Cleaning()
    entities = {
        kind: _entities(cleaning, kind, table, chosen[kind], list_separator)
        for kind, table in tables.items()
        if kind != "events"
    }
    catalogue = entities.get("items")
    kept = _events(cleaning, tables["events"], chosen["events"], catalogue)
    if catalogue is None:
        catalogue = kept.select(id=pl.col("item").drop_nulls().unique(maintain_order=True))
    manifest: dict[str, Any] = {
        "name": name,
        "value_name": chosen["events"].get("value", "value"),
        "has_times": bool(kept["time"].is_not_null().any()),
        "labels": labels or {},
        "cleaning": cleaning.totals(),
    }
    dataset = Dataset(events=kept, items=catalogue, users=entities.get("users"), manifest=manifest)
    cleaning.show()
    with new_folder(workspace.dataset) as staging:
        dataset.write_into(staging)
        write_json(staging / "cleaning.json", cleaning.report())
        cleaning.rejected.write_parquet(staging / "rejected.parquet")
    return dataset


def _confirm() -> None:
    try:
        agreed = Confirm.ask("Is this mapping right?", console=console, default=True)
    except EOFError:
        agreed = False
    if not agreed:
        raise PromptrecError("the mapping was not accepted, nothing was imported; map columns or accept with --yes")


def _entities(
    cleaning: Cleaning, kind: FileKind, table: Table, chosen: Mapping[str, str], separator: str | None
) -> pl.DataFrame:
    """Items or users: unique ids and typed attributes."""
    frame = cleaning.open(kind, table)
    frame = cleaning.reject(table, frame, _blank(frame[chosen["id"]]), chosen["id"], "missing id")
    if frame.is_empty():
        what = "the catalogue is empty" if kind == "items" else "there are no users"
        raise PromptrecError(f"{table.path}: {what}; expected at least one record with an id")
    twice = frame.filter(pl.col(chosen["id"]).is_duplicated())
    if len(twice):
        id_ = twice[chosen["id"]][0]
        first, second = twice.filter(pl.col(chosen["id"]) == id_)[RECORD][:2]
        raise PromptrecError(
            f"{table.path}: column {chosen['id']!r}: id {id_!r} appears twice with different content "
            f"(records {first:,} and {second:,}); keep one of them"
        )
    cleaning.keep(kind, len(frame))
    typed = []
    for role in sorted(chosen, key=lambda role: _TEXTS.index(role) if role in _TEXTS else len(_TEXTS)):
        column = chosen[role]
        values = frame[column]
        if role in _TEXTS:
            values = values if values.dtype == pl.String else values.list.join(" ")
        else:
            values = _attribute(values, separator, column in table.sequences)
            cleaning.emptied(table, frame, frame[column].is_not_null() & values.is_null(), column)
        typed.append(values.alias(role))
    return pl.DataFrame(typed)


def _blank(column: pl.Series) -> pl.Series:
    return column.is_null() | (column.str.strip_chars() == "").fill_null(True)


def _attribute(column: pl.Series, separator: str | None, sequence: bool) -> pl.Series:
    """A list where the file has lists or separators, a number where (nearly) all values are, else text."""
    if column.dtype != pl.String:
        return column
    between = separator or (" " if sequence else "|")
    if sequence or column.str.contains(between, literal=True).any():
        words = column.str.split(between).list.eval(pl.element().str.strip_chars())
        return words.list.eval(pl.element().filter(pl.element() != ""))
    numbers = _numbers(column)
    numbers = numbers.set(~numbers.is_finite().fill_null(True), None)
    filled = column.drop_nulls()
    if not numbers.count() or numbers.count() < _NUMERIC_FROM * len(filled) or filled.str.contains(r"^[+-]?0\d").any():
        return column
    whole = numbers.cast(pl.Int64, strict=False)
    return whole if (whole == numbers).all() and whole.count() == numbers.count() else numbers


def _events(
    cleaning: Cleaning, table: Table, chosen: Mapping[str, str], catalogue: pl.DataFrame | None
) -> pl.DataFrame:
    frame = cleaning.open("events", table)
    user, item = chosen["user"], chosen["item"]
    frame = cleaning.reject(table, frame, _blank(frame[user]), user, "missing user")
    missing = _blank(frame[item])
    if "query" in chosen:
        missing &= _blank(frame[chosen["query"]])
    frame = cleaning.reject(table, frame, missing, item, "missing item")
    for role in ("value", "weight", "position"):
        if role in chosen:
            column = frame[chosen[role]]
            wrong = column.is_not_null() & ~_numbers(column).is_finite().fill_null(False)
            frame = cleaning.reject(table, frame, wrong, chosen[role], f"{role} is not a finite number")
    if "time" in chosen:
        column = frame[chosen["time"]]
        wrong = column.is_not_null() & _times(column).is_null()
        frame = cleaning.reject(table, frame, wrong, chosen["time"], "time is neither epoch seconds nor ISO 8601")
    if catalogue is not None:
        unknown = frame[item].is_not_null() & ~frame[item].is_in(catalogue["id"].implode()).fill_null(True)
        frame = cleaning.reject(table, frame, unknown, item, "item is not in the items file")
    if frame.is_empty():
        raise PromptrecError(
            f"{table.path}: no valid event is left of {len(table.frame) + len(table.broken):,} records"
        )
    if catalogue is None and frame[item].null_count() == len(frame):
        raise PromptrecError(f"{table.path}: the catalogue is empty: no event has an item; give an items file")
    cleaning.keep("events", len(frame))
    return _sorted(_canonical(frame, chosen), frame, chosen)


def _canonical(frame: pl.DataFrame, chosen: Mapping[str, str]) -> pl.DataFrame:
    """The columns of `EVENT_COLUMNS`."""

    def text(role: str) -> pl.Series:
        return frame[chosen[role]] if role in chosen else pl.Series([None] * len(frame), dtype=pl.String)

    events = pl.DataFrame(
        {
            "user": text("user"),
            "item": text("item"),
            "time": _times(text("time")),
            "kind": text("kind"),
            "value": _numbers(text("value")),
            "weight": _numbers(text("weight")).fill_null(1.0),
            "query": text("query"),
        },
        schema=EVENT_COLUMNS,
    )
    usual = "rating" if chosen.get("value", "").lower() == "rating" else "view"
    default = pl.when(pl.col("item").is_null()).then(pl.lit("search")).otherwise(pl.lit(usual))
    return events.with_columns(pl.col("kind").fill_null(default))


def _sorted(events: pl.DataFrame, frame: pl.DataFrame, chosen: Mapping[str, str]) -> pl.DataFrame:
    """By person in order of first appearance, then by time (or position), then as in the file."""
    position = _numbers(frame[chosen["position"]]) if "position" in chosen else pl.lit(0.0)
    return (
        events.with_row_index("row")
        .with_columns(position=position, first=pl.col("row").min().over("user"))
        .sort("first", "time", "position", "row")
        .select(*EVENT_COLUMNS)
    )


def _numbers(column: pl.Series) -> pl.Series:
    return column.str.strip_chars().cast(pl.Float64, strict=False)


def _times(column: pl.Series) -> pl.Series:
    """Epoch seconds from epoch seconds, epoch milliseconds or ISO 8601 (UTC where it names no zone)."""
    times = _numbers(column)
    times = times.set(~times.is_finite().fill_null(True), None)
    typical = times.abs().median()
    if isinstance(typical, float) and typical >= _LATEST:
        times = times / 1000
    times = times.set(times.abs() >= _LATEST, None)
    texts = column.filter(times.is_null() & column.is_not_null()).unique()
    if texts.is_empty():
        return times
    parsed = {text: _iso(text) for text in texts.to_list()}
    return times.fill_null(column.replace_strict(parsed, default=None, return_dtype=pl.Float64))


def _iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
