"""Which files there are, and how each is read: one file or a folder of files of one kind."""

from __future__ import annotations

import errno
from pathlib import Path

from promptrec.data.blocks import TableFile, short
from promptrec.data.json_lines import JsonLinesFile
from promptrec.data.parquet import ParquetFile
from promptrec.data.separated import SeparatedFile
from promptrec.errors import PromptrecError

_PARQUET = (".parquet", ".pq")
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_ATOMIC = (".inter", ".item", ".user")
_SEPARATED = (".csv", ".tsv", ".txt")


def open_files(path: Path) -> list[TableFile]:
    """The file, or the files of the folder by name. Raises PromptrecError where there is none, or of several kinds."""
    try:
        path.stat()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise PromptrecError(f"{path}: there is no such file; check the path") from None
        raise PromptrecError(f"{short(str(path))}: cannot be read ({error.strerror}); check the path") from None
    except ValueError:
        raise PromptrecError(f"{str(path)!r}: is no path (it has a zero byte); check the path") from None
    if not path.is_dir():
        return [_open(path)]
    inside = sorted(file for file in path.iterdir() if not file.name.startswith((".", "_")))
    if not inside:
        raise PromptrecError(f"{path}: is a folder without files; name a file or a folder that has some")
    for child in inside:
        if child.is_dir() or not _name(child).endswith((*_PARQUET, *_JSON_LINES, *_ATOMIC, *_SEPARATED)):
            raise PromptrecError(
                f"{path}: is a folder with {child.name!r} in it, which is no data file; name one file, or a folder "
                "that has CSV, Parquet, JSON lines or RecBole atomic files and nothing else"
            )
    files = [_open(child) for child in inside]
    for file in files[1:]:
        if sorted(file.columns) != sorted(files[0].columns) and not isinstance(file, JsonLinesFile):
            raise PromptrecError(
                f"{file.path}: its columns ({', '.join(file.columns)}) are not those of {files[0].path.name} "
                f"({', '.join(files[0].columns)}); files of one folder must have the same"
            )
    return files


def _open(path: Path) -> TableFile:
    if not path.is_file():
        raise PromptrecError(f"{path}: is no regular file, and it is read more than once; save it as a file first")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise PromptrecError(f"{str(path)!r}: its name is not UTF-8; rename it") from None
    name = _name(path)
    if name.endswith(_PARQUET):
        return ParquetFile(path)
    if name.endswith(_JSON_LINES):
        return JsonLinesFile(path)
    return SeparatedFile(path, atomic=name.endswith(_ATOMIC))


def _name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")
