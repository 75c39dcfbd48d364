"""The files that items name (pictures, sounds), kept inside the dataset under names that tell their content."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import polars as pl

from promptrec.data.catalogue import FILE_COLUMNS
from promptrec.data.cleaning import Cleaning
from promptrec.progress import say


def take_files(items: pl.DataFrame, folder: Path, dataset: Path, cleaning: Cleaning) -> pl.DataFrame:
    """The items with the files that they name copied into `dataset` and named COLUMN/SHA-256.ending.

    folder: what names are relative to. A name of which there is no file stays as it is, and is counted.
    """
    for column in FILE_COLUMNS:
        if column not in items.columns:
            continue
        names = items[column].to_list()
        taken = [_taken(folder, name, dataset / column) if name else None for name in names]
        lost = [name for name, stored in zip(names, taken, strict=True) if name and stored is None]
        if lost:
            say(
                f"{column}: {len(lost):,} of the {len(names) - names.count(None):,} files that items name are not in "
                f"{folder} (the first is {lost[0]!r}); their items go without"
            )
            cleaning.missing(f"files of {column}", len(lost), "no such file: the item goes without")
        kept = [stored or name for name, stored in zip(names, taken, strict=True)]
        items = items.with_columns(pl.Series(column, kept, dtype=pl.String))
    return items


def link_files(before: Path, after: Path) -> None:
    """Let a dataset that continues another have its files too."""
    for column in FILE_COLUMNS:
        for file in (before / column).glob("*"):
            target = after / column / file.name
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                os.link(file, target)


def export_files(dataset: Path, folder: Path) -> None:
    for column in FILE_COLUMNS:
        if (dataset / column).is_dir():
            shutil.copytree(dataset / column, folder / column)


def _taken(folder: Path, name: str, target: Path) -> str | None:
    """The name in the dataset, None where there is no such file or nobody may read it."""
    try:
        content = (folder / name).read_bytes()
    except (OSError, ValueError):
        return None
    ending = Path(name).suffix.lower()
    ending = ending if re.fullmatch(r"\.[a-z0-9]{1,8}", ending) else ""
    stored = target / f"{hashlib.sha256(content).hexdigest()}{ending}"
    if not stored.exists():
        target.mkdir(exist_ok=True)
        stored.write_bytes(content)
    return f"{target.name}/{stored.name}"
