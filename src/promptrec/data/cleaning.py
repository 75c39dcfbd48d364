"""What is left out of an import and why; nothing disappears."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from promptrec.data.blocks import Block, TableFile, short
from promptrec.data.mapping import FileKind
from promptrec.errors import PromptrecError
from promptrec.progress import say

REJECTED = {
    "file": pl.String,
    "record": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}
LEFT_EMPTY = "left empty"
FIRST = 5  # examples that a report shows of each reason
_PORTION = 50_000  # rejected records that are kept in memory before they are written


@dataclass(frozen=True)
class _Later:
    """Records that are rejected after their block is gone: their raw text is read again at the end."""

    kind: FileKind
    file: TableFile
    records: np.ndarray[Any, np.dtype[np.int64]]
    values: pl.Series
    column: str | None
    reason: str

    def example(self) -> dict[str, Any]:
        """The first of them."""
        record, value = int(self.records[0]), self.values[0]
        return {"file": self.file.path.name, "record": record, "value": value, "reason": self.reason}


def placed(example: Mapping[str, Any]) -> str:
    """Where a rejected record is, why, and the value that is at fault, in a few words."""
    value = "" if example["value"] is None else f": {short(str(example['value']))!r}"
    return f"{example['file']}, record {example['record']:,}: {example['reason']}{value}"


class Cleaning:
    """Collects what becomes of the records of all files of one import, and writes the rejected ones to a file.

    The records of each kind of file add up: read = kept + rejected.
    """

    def __init__(self, rejected: Path) -> None:
        self._path = rejected
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pl.DataFrame] = []
        self._later: list[_Later] = []
        self._read: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._reasons: dict[tuple[str, str], dict[str, Any]] = {}
        self._emptied: dict[str, dict[str, Any]] = {}
        self._missing: dict[str, dict[str, Any]] = {}

    def open(self, kind: FileKind, file: TableFile, block: Block) -> None:
        """Count the records of a block, and note those that are broken."""
        self._read[kind] = self._read.get(kind, 0) + len(block.records) + len(block.broken)
        rows = [(file.path.name, record, None, None, reason, raw) for record, raw, reason in block.broken]
        for _, group in pl.DataFrame(rows, schema=REJECTED, orient="row").group_by("reason", maintain_order=True):
            self._note(kind, group)

    def reject(
        self,
        kind: FileKind,
        file: TableFile,
        block: Block,
        places: Sequence[int],
        values: pl.Series,
        column: str,
        reason: str,
    ) -> None:
        """Note the records at `places` of a block, which are wrong because of their `values` in `column`."""
        self._note(kind, _frame(file.path.name, block.records[places], values, column, reason, block.raw(places)))

    def reject_later(
        self,
        kind: FileKind,
        files: Sequence[TableFile],
        found: pl.DataFrame,
        values: pl.Series | None,
        column: str | None,
        reason: str,
    ) -> None:
        """Note the records `found` (columns `file`, the place in `files`, and `record`), whose blocks are gone."""
        texts = pl.Series([None] * len(found), dtype=pl.String) if values is None else values.cast(pl.String)
        for (place,), group in found.with_columns(value=texts).group_by("file", maintain_order=True):
            ordered = group.sort("record")
            records = ordered["record"].cast(pl.Int64).to_numpy()
            self._later.append(_Later(kind, files[int(str(place))], records, ordered["value"], column, reason))

    def reject_old(self, found: pl.DataFrame, column: str, values: pl.Series, reason: str) -> None:
        """Note events that were in the dataset already, as they stood there."""
        self._read["events"] += len(found)
        raws = [line for line in found.write_ndjson().split("\n") if line]
        self._note("events", _frame("(dataset)", np.zeros(len(found), np.int64), values, column, reason, raws))

    def emptied(self, name: str, records: pl.Series, values: pl.Series) -> None:
        """Note kept records whose value is no number as nearly all the others in that column are."""
        if len(values):
            found = pl.DataFrame({"record": records, "value": values})
            self._emptied[f"{name}: not a number"] = {"count": len(found), "first": found.head(FIRST).to_dicts()}

    def missing(self, name: str, count: int, done: str) -> None:
        """Note how many kept records have no value in a column, and what was put there."""
        if count:
            self._missing[name] = {"count": count, "done": done}

    def keep(self, kind: FileKind, count: int) -> None:
        self._kept[kind] = count

    def first_reason(self, kind: FileKind) -> str:
        """The reason for which most records of a kind were rejected, and the first of them, for an error's line."""
        counts = [(found["count"], found["first"][0]) for (own, _), found in self._reasons.items() if own == kind] + [
            (len(later.records), later.example()) for later in self._later if later.kind == kind
        ]
        if not counts:
            return "there are no records"
        example = max(counts, key=lambda entry: entry[0])[1]
        return f"first: {placed(example)}"

    def totals(self) -> dict[str, dict[str, int]]:
        """For each kind of file how many records were read, kept and rejected."""
        rejected = dict.fromkeys(self._read, 0)
        for (kind, _), found in self._reasons.items():
            rejected[kind] += found["count"]
        return {
            kind: {"read": read, "kept": self._kept.get(kind, 0), "rejected": rejected[kind]}
            for kind, read in self._read.items()
        }

    def report(self) -> dict[str, Any]:
        """The totals; by reason, how many records were rejected and values emptied, with the first five; and by
        column, how many values are missing."""
        rejected: dict[str, dict[str, Any]] = {}
        for (_, reason), found in self._reasons.items():
            entry = rejected.setdefault(reason, {"count": 0, "first": []})
            entry["count"] += found["count"]
            entry["first"] = (entry["first"] + found["first"])[:FIRST]
        return {
            "files": self.totals(),
            "rejected": rejected,
            "emptied": self._emptied,
            "missing": self._missing,
        }

    def finish(self, earlier: Path | None = None) -> None:
        """Write all rejected records, and then those of `earlier`, the file of the dataset that this one continues.

        Raises PromptrecError where the records do not add up.
        """
        self._read_again()
        self._write()
        if earlier is not None and earlier.exists():
            for batch in pq.ParquetFile(earlier).iter_batches():
                self._waiting.append(pl.DataFrame(pl.from_arrow(batch)))
                self._write()
        self._waiting.append(pl.DataFrame(schema=REJECTED))
        self._write()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for kind, total in self.totals().items():
            if total["read"] != total["kept"] + total["rejected"]:
                raise PromptrecError(f"{kind}: the records do not add up ({total}); nothing was imported; report this")

    def show(self) -> None:
        """What became of records and values that are not as they were: a line each, with the first of them."""
        for found in self._reasons.values():
            more = "" if found["count"] == 1 else ", the first"
            say(f"{found['count']:,} rejected{more}: {placed(found['first'][0])}")
        for name, found in self._emptied.items():
            first = found["first"][0]
            where = f"the first in record {first['record']:,}: {short(str(first['value']))!r}"
            say(f"{name}: {found['count']:,} emptied, {where}")
        empty = {name: found["count"] for name, found in self._missing.items() if found["done"] == LEFT_EMPTY}
        if empty:
            say("without a value: " + "; ".join(f"{name}: {count:,}" for name, count in empty.items()))
        for name, found in self._missing.items():
            if name not in empty:
                say(f"{name}: {found['count']:,} without a value, {found['done']}")

    def _note(self, kind: str, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        reason = str(rows["reason"][0])
        entry = self._reasons.setdefault((kind, reason), {"count": 0, "first": []})
        entry["count"] += len(rows)
        if len(entry["first"]) < FIRST:
            entry["first"] += rows.head(FIRST - len(entry["first"])).to_dicts()
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= _PORTION:
            self._write()

    def _read_again(self) -> None:
        files = {later.file.path: later.file for later in self._later}
        for path, file in files.items():
            waiting = [later for later in self._later if later.file.path == path]
            for block in file.blocks():
                if not len(block.records):
                    continue
                first, last = block.records[0], block.records[-1]
                for later in waiting:
                    start, stop = np.searchsorted(later.records, [first, last + 1])
                    if stop > start:
                        records = later.records[start:stop]
                        raws = block.raw(np.searchsorted(block.records, records).tolist())
                        values = later.values.slice(int(start), int(stop - start))
                        self._note(later.kind, _frame(path.name, records, values, later.column, later.reason, raws))
        self._later.clear()

    def _write(self) -> None:
        if not self._waiting:
            return
        table = pl.concat(self._waiting).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._waiting.clear()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._writer.write_table(table)


def _frame(
    file: str, records: Sequence[int] | Any, values: pl.Series, column: str | None, reason: str, raws: list[str]
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "file": [file] * len(raws),
            "record": records,
            "column": [column] * len(raws),
            "value": values.cast(pl.String),
            "reason": [reason] * len(raws),
            "raw": raws,
        },
        schema=REJECTED,
    )
