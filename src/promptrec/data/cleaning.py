"""What is left out of an import and why; nothing disappears."""

from __future__ import annotations

from typing import Any

import polars as pl

from promptrec.data.reading import RAW, RECORD, Table
from promptrec.progress import say

REJECTED = {
    "file": pl.String,
    "record": pl.Int64,
    "column": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "raw": pl.String,
}


class Cleaning:
    """Collects the rejected records of all files of one import."""

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = [pl.DataFrame(schema=REJECTED)]
        self._emptied: dict[str, dict[str, Any]] = {}
        self._read: dict[str, int] = {}
        self._kept: dict[str, int] = {}

    def open(self, kind: str, table: Table) -> pl.DataFrame:
        """The records of a table without the broken ones and without exact duplicates."""
        self._read[kind] = len(table.frame) + len(table.broken)
        file = table.path.name
        rows = [(file, record, None, None, reason, raw) for record, raw, reason in table.broken]
        self._parts.append(pl.DataFrame(rows, schema=REJECTED, orient="row"))
        first = table.frame.select(pl.struct(table.columns).is_first_distinct()).to_series()
        return self.reject(table, table.frame, ~first, None, "exact duplicate")

    def reject(
        self, table: Table, frame: pl.DataFrame, wrong: pl.Series, column: str | None, reason: str
    ) -> pl.DataFrame:
        """Note the records that are `wrong` because of `column`, and return the others."""
        value = pl.lit(None) if column is None else pl.col(column)
        self._parts.append(
            frame.filter(wrong).select(
                file=pl.lit(table.path.name),
                record=RECORD,
                column=pl.lit(column, dtype=pl.String),
                value=value.cast(pl.String),
                reason=pl.lit(reason),
                raw=RAW,
            )
        )
        return frame.filter(~wrong)

    def emptied(self, table: Table, frame: pl.DataFrame, which: pl.Series, column: str) -> None:
        """Note the kept records whose value in `column` is no number as nearly all the others are."""
        if which.any():
            found = frame.filter(which).select(record=RECORD, value=column)
            reason = f"{table.path.name}, {column}: not a number"
            self._emptied[reason] = {"count": len(found), "first": found.head(5).to_dicts()}

    def keep(self, kind: str, count: int) -> None:
        self._kept[kind] = count

    @property
    def rejected(self) -> pl.DataFrame:
        """All rejected records, in the columns `REJECTED`."""
        return pl.concat(self._parts)

    def totals(self) -> dict[str, dict[str, int]]:
        """For each file kind how many records were read and kept."""
        return {kind: {"read": self._read[kind], "kept": self._kept[kind]} for kind in self._read}

    def report(self) -> dict[str, Any]:
        """The totals and, by reason, how many records were rejected and values emptied, with the first five."""
        groups = self.rejected.partition_by("reason", as_dict=True, maintain_order=True)
        return {
            "files": self.totals(),
            "rejected": {
                str(reason): {"count": len(group), "first": group.head(5).to_dicts()}
                for (reason,), group in groups.items()
            },
            "emptied": self._emptied,
        }

    def show(self) -> None:
        """The report as a short table."""
        for kind, total in self.totals().items():
            say(f"{kind:<8}{total['read']:>12,} read {total['kept']:>12,} kept")
        report = self.report()
        for fate in ("rejected", "emptied"):
            for reason, found in report[fate].items():
                say(f"{'':<8}{found['count']:>12,} {fate}: {reason}")
