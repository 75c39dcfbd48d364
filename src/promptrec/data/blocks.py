"""What every kind of file is read as: blocks of records, each with its number and its raw text."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.errors import PromptrecError

BLOCK = 16 << 20  # bytes of text that are read at a time
LONGEST = 64 << 20  # bytes of the longest record
_KINDS = {
    b"PK\3\4": "a ZIP archive or an Excel workbook; unpack it, or save it as CSV",
    b"PAR1": "a Parquet file; give its name the ending .parquet",
}
Ints = npt.NDArray[np.int64]
Broken = list[tuple[int, str, str]]


@dataclass(frozen=True)
class Block:
    """Some records of a file, in its order.

    frame: the file's columns: text (null where empty) or, from Parquet, numbers and times; lists are List(String).
    records: (n,) the number of each record in its file, from 1.
    raw: the raw text of the records at some places of the frame.
    broken: number, raw text and reason of the records that fit no columns.
    """

    frame: pl.DataFrame
    records: Ints
    raw: Callable[[Sequence[int]], list[str]]
    broken: Broken = field(default_factory=list)


class TableFile(Protocol):
    """One file as a table; it can be read any number of times.

    typed: the file itself says what is a number and what is text.
    sequences: the columns that the file declares to be lists of words.
    """

    @property
    def path(self) -> Path: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def typed(self) -> bool: ...
    @property
    def sequences(self) -> frozenset[str]: ...
    def blocks(self) -> Iterator[Block]: ...


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, unpacked where it is gzip, without a byte-order mark, about `BLOCK` at a time.

    Raises PromptrecError where it cannot be read.
    """
    try:
        with _opened(path) as file:
            chunk = file.read(BLOCK).removeprefix(b"\xef\xbb\xbf")
            _check_kind(path, chunk)
            while chunk:
                yield chunk
                chunk = file.read(BLOCK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PromptrecError(f"{path}: the gzip file is damaged or cut off ({error}); get it again") from None
    except OSError as error:
        raise PromptrecError(f"{path}: cannot be read ({error.strerror or error})") from None


def _opened(path: Path) -> IO[bytes]:
    file = path.open("rb")
    packed = path.suffix == ".gz" or file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not packed:
        return file
    file.close()
    return cast(IO[bytes], gzip.open(path))


def _check_kind(path: Path, data: bytes) -> None:
    """Raises PromptrecError where a file that begins with `data` is no text in UTF-8 but something well known."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        raise PromptrecError(f"{path}: is UTF-16 text; save it as UTF-8")
    for mark, what in _KINDS.items():
        if data.startswith(mark):
            raise PromptrecError(f"{path}: is {what}")


def check_text(path: Path, data: bytes, offset: int) -> None:
    """Raises PromptrecError where `data`, which begins at byte `offset` of the file, is not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        place = left = offset + error.start
        line = 1
        for chunk in chunks(path):
            line += chunk[:left].count(b"\n")
            left -= min(left, len(chunk))
        raise PromptrecError(f"{path}: line {line:,} is not UTF-8 text (byte {place:,}); save it as UTF-8") from None


def empty(path: Path) -> PromptrecError:
    return PromptrecError(f"{path}: the file is empty; expected a header and at least one record")


def too_long(path: Path, record: int) -> PromptrecError:
    return PromptrecError(
        f"{path}: record {record:,} is longer than {LONGEST >> 20} MiB; mend or remove it, or a quote before it is open"
    )


def short(text: str, most: int = 60) -> str:
    """The text for an error's line, its middle left out where it is long."""
    return text if len(text) <= most else f"{text[: most // 2]}…{text[-most // 4 :]}"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names for an error's line, and how many more there are."""
    text = ", ".join(short(name) for name in names[:most])
    return text if len(names) <= most else f"{text} and {len(names) - most:,} more"


def check_names(path: Path, names: Sequence[str]) -> None:
    """Raises PromptrecError where there are no columns or two of one name."""
    if not names:
        raise PromptrecError(f"{path}: has no columns; expected at least one")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise PromptrecError(f"{path}: column {short(twice[0])!r} appears twice in the header; rename one")


def filled(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with null for empty text."""
    return frame.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)))
