"""Where the records of separated text begin and end, and how many fields each has."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptrec.data.blocks import Ints

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
OPEN_QUOTE = "a quote is opened and not closed, or text follows where it closes"


@dataclass(frozen=True)
class Records:
    """The whole records at the beginning of some bytes.

    starts, ends: (n,) the bytes of each, its line break included; fields: (n,) how many it has, 0 where its line is
    empty, -1 where its quotes make no sense; used: how many bytes they take together; plain: whether every quote is at
    an end of its field.
    """

    starts: Ints
    ends: Ints
    fields: Ints
    used: int
    plain: bool


def find_records(data: bytes, separator: str, quotes: bool, last: bool) -> Records:
    """The records of `data`, which begins with one. quotes: whether fields may be quoted (`""` is a quote inside).

    last: nothing follows, so that what is left at the end is a record too.
    """
    if last and not data.endswith(b"\n"):
        data += b"\n"
    found = np.frombuffer(data, np.uint8)
    breaks, between = np.flatnonzero(found == _NEWLINE), np.flatnonzero(found == ord(separator))
    if quotes and b'"' in data:
        marks = found == _QUOTE
        inside = np.cumsum(marks, dtype=np.uint8) & 1
        if not _regular(found, np.flatnonzero(marks), ord(separator), last):
            return _one_by_one(data, separator, last)
        breaks, between = breaks[inside[breaks] == 0], between[inside[between] == 0]
    starts = np.concatenate([[0], breaks[:-1] + 1]) if len(breaks) else breaks
    fields = np.diff(np.searchsorted(between, breaks), prepend=0) + 1
    lengths = breaks - starts
    blank = (lengths == 0) | ((lengths == 1) & (found[starts] == _RETURN)) if len(breaks) else lengths
    fields[blank.astype(bool)] = 0
    ends = breaks + 1
    return Records(starts, ends, fields, int(ends[-1]) if len(ends) else 0, plain=True)


def _regular(found: npt.NDArray[np.uint8], marks: Ints, separator: int, last: bool) -> bool:
    """Whether quotes come in pairs that open at the beginning of a field and close at its end."""
    opening, closing = marks[0::2], marks[1::2]
    if last and len(marks) % 2:
        return False
    before = found[np.maximum(opening - 1, 0)]
    good = (opening == 0) | (before == separator) | (before == _NEWLINE)
    good[1:] |= opening[1:] == closing[: len(opening) - 1] + 1  # "" inside
    after = found[np.minimum(closing + 1, len(found) - 1)]
    fine = (after == separator) | (after == _NEWLINE) | (after == _RETURN) | (after == _QUOTE)
    return bool(good.all() and (fine | (closing == len(found) - 1)).all())


def _one_by_one(data: bytes, separator: str, last: bool) -> Records:
    """The same where a quote stands in the middle of a field, or is never closed: only its line is given up."""
    mark = re.escape(separator.encode())
    quoted = rb'"[^"]*+(?:""[^"]*+)*+'
    field = rb"(?:" + quoted + rb'"|(?!")[^' + mark + rb"\n]*+)"
    record = re.compile(field + rb"(?:" + mark + field + rb")*+\r?\n")
    unfinished = re.compile(rb"(?:" + field + mark + rb")*+" + quoted + rb'"?\r?\Z')
    one_field = re.compile(field + rb"(?:" + mark + rb"|\r?\n)")
    starts, ends, fields = [], [], []
    at = 0
    while at < len(data):
        whole = record.match(data, at)
        if whole is not None:
            end = whole.end()
            blank = data[at:end] in (b"\n", b"\r\n")
            count = 0 if blank else len(one_field.findall(data, at, end))
        else:
            if not last and unfinished.match(data, at):
                break
            end, count = data.find(b"\n", at) + 1, -1
            if end == 0:
                break
        starts.append(at)
        ends.append(end)
        fields.append(count)
        at = end
    return Records(np.array(starts, np.int64), np.array(ends, np.int64), np.array(fields, np.int64), at, plain=False)
