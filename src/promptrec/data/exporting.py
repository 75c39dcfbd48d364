"""A dataset as files again, with the mapping that imports them to the same rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import polars as pl

from promptrec.data.dataset import EVENT_COLUMNS
from promptrec.data.files import export_files
from promptrec.data.mapping import ENTITY_ROLES
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace, new_folder, read_json

Form = Literal["csv", "parquet"]
MAPPING = "import.toml"
NUMBER = "number"  # of an event: records that are the same in every other column are not taken for duplicates
_SEPARATORS = ("|", ";", ",", "/", "\x1f", "\x1e")


def export_dataset(workspace: Workspace, folder: Path, form: Form = "csv") -> list[str]:
    """Write the events, the items and, where there are any, the users into a new folder; return the files' names.

    `promptrec data import FOLDER/import.toml` gives the same rows again. Parquet also keeps every type; CSV is read
    like any CSV, so text that is all numbers becomes numbers. Raises PromptrecError where the folder has something.
    """
    source = workspace.dataset
    manifest = read_json(source / "manifest.json", "dataset (`promptrec data import` makes one)")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PromptrecError(f"{folder}: is there already and not empty; name a new folder")
    value = str(manifest.get("value_name", "value"))
    value = "value" if value in (*EVENT_COLUMNS, NUMBER) else value
    roles = {role: value if role == "value" else role for role in EVENT_COLUMNS}
    lines = [f"name = {_quoted(str(manifest.get('name', 'imported')))}", "", "[events]"]
    lines += [f'file = "events.{form}"', *(f"{role} = {_quoted(column)}" for role, column in roles.items())]
    with new_folder(folder) as staging:
        events = pl.scan_parquet(source / "events.parquet").rename(roles).with_row_index(NUMBER, 1)
        _write(events, staging / f"events.{form}")
        for kind in ("items", "users"):
            file = source / f"{kind}.parquet"
            if file.exists():
                frame = pl.read_parquet(file)
                separators = _separators(frame) if form == "csv" else {}
                _write(_joined(frame, separators).lazy(), staging / f"{kind}.{form}")
                lines += ["", f"[{kind}]", f'file = "{kind}.{form}"']
                lines += [f"{role} = {_quoted(role if role in frame.columns else '')}" for role in ENTITY_ROLES[kind]]
                lines += [f"separators = {_table(separators)}"] if separators else []
                lines += [f"unknown = {_quoted(manifest.get('unknown_items', 'reject'))}"] if kind == "items" else []
        for language, words in manifest.get("labels", {}).items():
            lines += ["", f"[labels.{_quoted(language)}]"]
            lines += [f"{_quoted(word)} = {_quoted(name)}" for word, name in words.items()]
        export_files(source, staging)
        (staging / MAPPING).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sorted(file.name for file in folder.iterdir())


def _write(frame: pl.LazyFrame, file: Path) -> None:
    try:
        if file.suffix == ".csv":
            frame.sink_csv(file, quote_style="non_numeric")
        else:
            frame.sink_parquet(file)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise PromptrecError(f"{file}: cannot be written ({str(error).splitlines()[0]})") from None


def _separators(frame: pl.DataFrame) -> dict[str, str]:
    """What separates the words of each list: something that is in none of them; nothing for text that has a `|`."""
    found = {}
    for name, kind in frame.schema.items():
        if name in ENTITY_ROLES["items"]:
            continue
        if isinstance(kind, pl.List):
            words = frame[name].explode().drop_nulls()
            free = (mark for mark in _SEPARATORS if not words.str.contains(mark, literal=True).any())
            between = next(free, None)
            if between is None:
                raise PromptrecError(f"column {name!r}: its words have all of {_SEPARATORS!r}; export as Parquet")
            found[name] = between
        elif kind == pl.String and frame[name].str.contains("|", literal=True).any():
            found[name] = ""
    return found


def _joined(frame: pl.DataFrame, separators: Mapping[str, str]) -> pl.DataFrame:
    lists = {name: between for name, between in separators.items() if between}
    return frame.with_columns(pl.col(name).list.join(between) for name, between in lists.items())


def _quoted(text: Any) -> str:
    return json.dumps(str(text), ensure_ascii=False).replace("\x7f", "\\u007f")


def _table(pairs: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_quoted(name)} = {_quoted(value)}" for name, value in pairs.items()) + " }"
