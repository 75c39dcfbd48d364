"""JSON lines, also gzip: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from promptrec.data.blocks import LONGEST, Block, Broken, check_names, check_text, chunks, empty, too_long
from promptrec.errors import PromptrecError

_Line = tuple[int, str, dict[str, Any] | None]


@dataclass(frozen=True)
class JsonLinesFile:
    """The keys of all objects are the columns; a key that an object lacks is empty there."""

    path: Path
    typed: bool = False
    sequences: frozenset[str] = frozenset()

    @cached_property
    def columns(self) -> list[str]:
        names: dict[str, None] = {}
        lines = objects = 0
        for block in self._parsed():
            lines += len(block)
            for _, _, row in block:
                if row is not None:
                    objects += 1
                    names.update(dict.fromkeys(row))
        if not lines:
            raise empty(self.path)
        if not objects and _is_array(self.path):
            raise PromptrecError(f"{self.path}: is one JSON array; expected one object a line (jq -c '.[]' makes that)")
        if not objects:
            raise PromptrecError(f"{self.path}: no line is a JSON object; expected one object a line")
        check_names(self.path, list(names))
        return list(names)

    def blocks(self) -> Iterator[Block]:
        for block in self._parsed():
            rows = [(record, line, row) for record, line, row in block if row is not None]
            broken: Broken = [(record, line, "not a JSON object") for record, line, row in block if row is None]
            frame = pl.DataFrame([_column(name, [row.get(name) for _, _, row in rows]) for name in self.columns])
            raws = [line for _, line, _ in rows]
            yield Block(frame, np.array([r for r, _, _ in rows], np.int64), _at(raws), broken)

    def _parsed(self) -> Iterator[list[_Line]]:
        """Number, text and object (None where it is none) of the lines that are not blank, a block at a time."""
        rest, offset, record = b"", 0, 0
        source = chunks(self.path)
        chunk = next(source, b"")
        while chunk:
            following = next(source, b"")
            data = rest + chunk
            end = data.rfind(b"\n") + 1 if following else len(data)
            check_text(self.path, data[:end], offset)
            lines = data[:end].decode().removesuffix("\n").split("\n") if end else []
            yield [
                (record + n, line.rstrip("\r"), _object(line)) for n, line in enumerate(lines, start=1) if line.strip()
            ]
            record += len(lines)
            rest, offset, chunk = data[end:], offset + end, following
            if len(rest) > LONGEST or max(map(len, lines), default=0) > LONGEST:
                raise too_long(self.path, record + 1)


def _is_array(path: Path) -> bool:
    return next(chunks(path)).translate(None, b" \r\n\t").startswith(b"[{")


def _at(raws: list[str]) -> Any:
    return lambda places: [raws[place] for place in places]


def _object(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _column(name: str, values: list[Any]) -> pl.Series:
    if any(isinstance(value, list) for value in values):
        lists = [value if isinstance(value, list) or value is None else [value] for value in values]
        words = [None if value is None else [_plain(word) for word in value] for value in lists]
        return pl.Series(name, words, dtype=pl.List(pl.String))
    return pl.Series(name, [_plain(value) for value in values], dtype=pl.String)


def _plain(value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair is no text
