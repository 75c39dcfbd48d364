"""CSV and RecBole atomic files, also gzip: every record is read as it stands or given back as broken."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from promptrec.data.blocks import LONGEST, Block, Ints, check_names, check_text, chunks, empty, filled, too_long
from promptrec.data.records import OPEN_QUOTE, Records, find_records
from promptrec.errors import PromptrecError


@dataclass(frozen=True)
class SeparatedFile:
    """Fields between commas, tabs or semicolons (whichever the header has most of), quoted where need be.

    atomic: a file of RecBole: tabs, no quotes, and `name:type` as header.
    """

    path: Path
    atomic: bool = False
    typed: bool = False

    @cached_property
    def _header(self) -> tuple[list[str], str]:
        data = b""
        for chunk in chunks(self.path):
            data = (data + chunk).lstrip(b"\r\n")
            if b"\n" in data or len(data) > LONGEST:
                break
        if not data.strip():
            raise empty(self.path)
        line, ended, _ = data.partition(b"\n")
        if len(line) > LONGEST or (not ended and len(data) > LONGEST):
            raise PromptrecError(
                f"{self.path}: the header is longer than {LONGEST >> 20} MiB; the first line must have the names of "
                "the columns"
            )
        check_text(self.path, line, 0)
        text = line.decode().rstrip("\r")
        if "\r" in text:
            raise PromptrecError(f"{self.path}: its lines end in carriage returns alone; save it with line feeds")
        separator = "\t" if self.atomic else max(",\t;", key=text.count)
        try:
            names = text.split("\t") if self.atomic else next(csv.reader([text], delimiter=separator), [])
        except csv.Error as error:
            raise PromptrecError(f"{self.path}: the header cannot be read ({error}); name the columns there") from None
        # Frames are often saved with a column of numbers that has no name.
        return [name.strip() or f"column_{place}" for place, name in enumerate(names, start=1)], separator

    @cached_property
    def columns(self) -> list[str]:
        names = [name.partition(":")[0] for name in self._header[0]] if self.atomic else self._header[0]
        check_names(self.path, names)
        return names

    @cached_property
    def sequences(self) -> frozenset[str]:
        declared = [name.partition(":") for name in self._header[0]] if self.atomic else []
        return frozenset(name for name, _, kind in declared if kind == "token_seq")

    def blocks(self) -> Iterator[Block]:
        """Raises PromptrecError where the file is not UTF-8 or a record is too long."""
        separator, header_is_next = self._header[1], True
        rest, offset, record = b"", 0, 0
        source = chunks(self.path)
        chunk = next(source, b"")
        while chunk:
            following = next(source, b"")
            data = rest + chunk
            if header_is_next:
                data = data.lstrip(b"\r\n")
            found = find_records(data, separator, quotes=not self.atomic, last=not following)
            whole = data[: found.used]
            check_text(self.path, whole, offset)
            if header_is_next and len(found.starts):
                header_is_next = False
                found = _without_first(found)
            if len(found.starts):
                yield self._block(whole, found, record)
            record += len(found.starts)
            rest, offset, chunk = data[found.used :], offset + len(whole), following
            if len(rest) > LONGEST:
                raise too_long(self.path, record + 1)

    def _block(self, data: bytes, found: Records, before: int) -> Block:
        numbers = np.arange(before + 1, before + 1 + len(found.starts))
        width = len(self.columns)
        good = found.fields == width
        if (found.ends - found.starts).max() > LONGEST:
            raise too_long(self.path, int(numbers[np.argmax(found.ends - found.starts)]))

        def raw(places: Sequence[int] | Ints) -> list[str]:
            return [data[found.starts[n] : found.ends[n]].decode().rstrip("\r\n") for n in places]

        wrong = np.flatnonzero(~good & (found.fields != 0))
        reasons = [_reason(int(count), width) for count in found.fields[wrong]]
        broken = list(zip(numbers[wrong].tolist(), raw(wrong), reasons, strict=True))
        kept = np.flatnonzero(good)
        frame = self._parse(_joined(data, found, good), len(kept), found.plain)
        return Block(frame, numbers[kept], lambda places: raw(kept[np.asarray(places, np.int64)]), broken)

    def _parse(self, data: bytes, count: int, plain: bool) -> pl.DataFrame:
        """The fields of records that all have as many as there are columns."""
        separator, names = self._header[1], self.columns
        if not count:
            return pl.DataFrame(schema=dict.fromkeys(names, pl.String))
        if plain:
            mark = None if self.atomic else '"'
            try:
                frame = pl.read_csv(
                    data, has_header=False, new_columns=names, infer_schema=False, separator=separator, quote_char=mark
                )
            except pl.exceptions.PolarsError as error:
                raise PromptrecError(f"{self.path}: cannot be read ({str(error).splitlines()[0]})") from None
            if frame.shape == (count, len(names)):
                return filled(frame)
        fields = _fields(data.decode(), separator, quotes=not self.atomic)
        return filled(pl.DataFrame({name: fields[place :: len(names)] for place, name in enumerate(names)}))


def _fields(text: str, separator: str, quotes: bool) -> list[str]:
    """The fields of whole records, where a quote or a carriage return that is not at an end of a field is a letter."""
    plain = f"([^{re.escape(separator)}\n]*+)"
    field = f'(?:"([^"]*+(?:""[^"]*+)*+)"|{plain})' if quotes else f"(){plain}"
    found = re.findall(f"{field}({re.escape(separator)}|\r?\n)", text if text.endswith("\n") else text + "\n")
    return [
        quoted.replace('""', '"') if quoted else (word.removesuffix("\r") if end == "\n" else word)
        for quoted, word, end in found
    ]


def _reason(fields: int, width: int) -> str:
    if fields < 0:
        return OPEN_QUOTE
    return f"{fields} field{'s' if fields > 1 else ''} where the header has {width}"


def _joined(data: bytes, found: Records, good: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> bytes:
    """The bytes of the good records."""
    if good.all():
        return data[found.starts[0] : found.ends[-1]]
    edges = np.flatnonzero(np.diff(good.astype(np.int8), prepend=0, append=0))
    runs = edges.reshape(-1, 2)
    return b"".join(data[found.starts[first] : found.ends[stop - 1]] for first, stop in runs)


def _without_first(found: Records) -> Records:
    return Records(found.starts[1:], found.ends[1:], found.fields[1:], found.used, found.plain)
