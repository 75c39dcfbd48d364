"""Parquet files, a batch of records at a time; their types are taken as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from promptrec.data.blocks import Block, check_names, empty, filled
from promptrec.errors import PromptrecError

_BATCH = 1 << 18  # records


@dataclass(frozen=True)
class ParquetFile:
    path: Path
    typed: bool = True
    sequences: frozenset[str] = frozenset()

    @cached_property
    def columns(self) -> list[str]:
        names = list(self._open().schema_arrow.names)
        check_names(self.path, names)
        return names

    def blocks(self) -> Iterator[Block]:
        """Raises PromptrecError where the file is damaged."""
        before = 0
        batches = self._open().iter_batches(batch_size=_BATCH)
        while True:
            try:
                batch = next(batches, None)
            except (OSError, pa.ArrowException) as error:
                raise self._damaged(error) from None
            if batch is None:
                return
            found = pl.DataFrame(pl.from_arrow(batch))
            yield Block(self._plain(found), np.arange(before + 1, before + 1 + len(found)), _raw(found))
            before += len(found)

    def _open(self) -> pq.ParquetFile:
        if self.path.stat().st_size == 0:
            raise empty(self.path)
        try:
            return pq.ParquetFile(self.path)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> PromptrecError:
        reason = (str(error).splitlines() or ["no reason given"])[0][:200]
        return PromptrecError(f"{self.path}: the Parquet file is damaged or cut off ({reason}); get it again")

    def _plain(self, frame: pl.DataFrame) -> pl.DataFrame:
        columns = []
        for name, kind in frame.schema.items():
            try:
                columns.append(frame.select(_as_plain(name, kind)).to_series())
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
                raise PromptrecError(
                    f"{self.path}: column {name!r} is {kind}; expected text, numbers, times or lists of them; "
                    "convert it, or write the file without it"
                ) from None
        return filled(pl.DataFrame(columns))


def _as_plain(name: str, kind: pl.DataType) -> pl.Expr:
    """Text, Int64, Float64, seconds for times and durations, a list of texts, or JSON for what is nested."""
    column = pl.col(name)
    if isinstance(kind, pl.List | pl.Array):
        return column.cast(pl.List(pl.String))
    if isinstance(kind, pl.Datetime | pl.Date):
        return column.cast(pl.Datetime("us")).dt.timestamp("us") / 1e6
    if isinstance(kind, pl.Duration):
        return column.dt.total_microseconds() / 1e6
    if kind.is_nested():
        return column.struct.json_encode()
    if kind.is_float():
        column = column.fill_nan(None)  # what pandas writes where there is no value
    if kind == pl.UInt64 or kind == pl.String or not kind.is_numeric():
        return column.cast(pl.String)
    return column.cast(pl.Int64 if kind.is_integer() else pl.Float64)


def _raw(frame: pl.DataFrame) -> Callable[[Sequence[int]], list[str]]:
    def raw(places: Sequence[int]) -> list[str]:
        return [line for line in frame[list(places)].write_ndjson().split("\n") if line]

    return raw
