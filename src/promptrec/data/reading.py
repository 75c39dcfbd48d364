"""Files as tables of text: CSV, CSV.gz, Parquet, JSON lines and RecBole atomic files, with every record's raw text."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from promptrec.errors import PromptrecError

RECORD, RAW = "\0record", "\0raw"  # names that no file's column has
ATOMIC = (".inter", ".item", ".user")
Broken = list[tuple[int, str, str]]


@dataclass(frozen=True)
class Table:
    """A file's records as text.

    frame: the file's columns (String, or List(String)), null where empty, and `RECORD` (from 1) and `RAW`.
    broken: record number, raw text and reason of the records that fit no columns.
    sequences: the columns that the file itself declares to be lists of words.
    """

    path: Path
    frame: pl.DataFrame
    broken: Broken
    sequences: frozenset[str] = frozenset()

    @property
    def columns(self) -> list[str]:
        return [name for name in self.frame.columns if name not in (RECORD, RAW)]


def read(path: Path) -> Table:
    """Read one file by its extension. Raises PromptrecError where it is absent, empty or damaged."""
    if path.is_dir():
        raise PromptrecError(f"{path}: is a folder; name one file in it")
    if not path.exists():
        raise PromptrecError(f"{path}: there is no such file; check the path")
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if not data.strip():
            raise PromptrecError(f"{path}: the file is empty; expected a header and at least one record")
        name = path.name.removesuffix(".gz")
        if name.endswith((".parquet", ".pq")):
            return _parquet(path, data)
        text = data.decode("utf-8-sig")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PromptrecError(f"{path}: the gzip file is damaged or cut off ({error}); get it again") from None
    except UnicodeDecodeError as error:
        raise PromptrecError(f"{path}: is not UTF-8 text (byte {error.start:,}); save it as UTF-8") from None
    except OSError as error:
        raise PromptrecError(f"{path}: cannot be read ({error.strerror})") from None
    if name.endswith((".jsonl", ".ndjson", ".json")):
        return _json_lines(path, text)
    return _separated(path, text, atomic=name.endswith(ATOMIC))


def _separated(path: Path, text: str, atomic: bool) -> Table:
    lines = _Lines(text)
    first = text.split("\n", 1)[0]
    separator = "\t" if atomic else max(",\t;", key=first.count)
    reader = csv.reader(
        lines, delimiter=separator, quoting=csv.QUOTE_NONE if atomic else csv.QUOTE_MINIMAL, strict=True
    )
    rows: list[Sequence[str]] = []
    records: list[int] = []
    raws: list[str] = []
    broken: Broken = []
    try:
        header = next(row for row in reader if row)
        lines.take()
        for record, row in enumerate(reader, start=1):
            raw = lines.take()
            if len(row) == len(header):
                rows.append(row)
                records.append(record)
                raws.append(raw)
            elif row:
                broken.append((record, raw, f"{len(row)} fields where the header has {len(header)}"))
    except csv.Error as error:
        raise PromptrecError(
            f"{path}: line {reader.line_num:,} cannot be read ({error}); mend or remove that record"
        ) from None
    declared = [name.strip().partition(":") for name in header] if atomic else []
    names = [name for name, _, _ in declared] or [name.strip() for name in header]
    _check_names(path, names)
    columns: Sequence[Sequence[str]] = list(zip(*rows, strict=True)) or [[] for _ in names]
    frame = pl.DataFrame(dict(zip(names, columns, strict=True)), schema=dict.fromkeys(names, pl.String))
    frame = frame.with_columns(pl.when(pl.all() != "").then(pl.all()))
    return Table(
        path,
        _with_raw(frame, records, raws),
        broken,
        frozenset(name for name, _, kind in declared if kind == "token_seq"),
    )


class _Lines(Iterator[str]):
    """The lines of a text, remembering those that the current record took."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken: list[str] = []

    def __next__(self) -> str:
        line = next(self._lines)
        self._taken.append(line)
        return line

    def take(self) -> str:
        raw = "".join(self._taken).rstrip("\r\n")
        self._taken.clear()
        return raw


def _json_lines(path: Path, text: str) -> Table:
    rows: list[dict[str, Any]] = []
    records: list[int] = []
    raws: list[str] = []
    broken: Broken = []
    for record, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
            records.append(record)
            raws.append(line)
        else:
            broken.append((record, line, "not a JSON object"))
    if not rows:
        raise PromptrecError(f"{path}: no line is a JSON object; expected one object a line")
    names = list(dict.fromkeys(name for row in rows for name in row))
    _check_names(path, names)
    frame = pl.DataFrame([_json_column(name, [row.get(name) for row in rows]) for name in names])
    return Table(path, _with_raw(frame, records, raws), broken)


def _json_column(name: str, values: list[Any]) -> pl.Series:
    if any(isinstance(value, list) for value in values):
        lists = [value if isinstance(value, list) or value is None else [value] for value in values]
        words = [None if value is None else [_plain(word) for word in value] for value in lists]
        return pl.Series(name, words, dtype=pl.List(pl.String))
    return pl.Series(name, [_plain(value) for value in values], dtype=pl.String)


def _plain(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parquet(path: Path, data: bytes) -> Table:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise PromptrecError(f"{path}: the Parquet file is damaged or cut off; get it again") from None
    _check_names(path, frame.columns)
    try:
        frame = frame.select(_as_text(name, kind) for name, kind in frame.schema.items())
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise PromptrecError(f"{path}: a column is neither text, number, time nor list of them ({reason})") from None
    raws = frame.select(pl.struct(pl.all()).struct.json_encode()).to_series().to_list()
    return Table(path, _with_raw(frame, list(range(1, len(raws) + 1)), raws), [])


def _as_text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        return column.cast(pl.List(pl.String))
    if isinstance(kind, pl.Datetime | pl.Date):
        return (column.cast(pl.Datetime("us")).dt.timestamp("us") / 1e6).cast(pl.String)
    if kind.is_nested():
        return column.struct.json_encode()
    text = column.cast(pl.String, strict=False)
    return pl.when(text != "").then(text).alias(name)


def _with_raw(frame: pl.DataFrame, records: list[int], raws: list[str]) -> pl.DataFrame:
    return frame.with_columns(pl.Series(RECORD, records, dtype=pl.Int64), pl.Series(RAW, raws, dtype=pl.String))


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise PromptrecError(f"{path}: has no columns; expected at least one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PromptrecError(f"{path}: column {twice[0]!r} appears twice in the header; rename one")
