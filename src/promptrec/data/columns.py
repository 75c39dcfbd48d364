"""Which column of a file means what: as given, else guessed from common names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from promptrec.data.reading import Table
from promptrec.errors import PromptrecError

FileKind = Literal["events", "items", "users"]
_ITEM_IDS = ("item_id", "item", "movie_id", "movie", "product_id", "product")
_USER_IDS = ("user_id", "user", "uid")
COMMON_NAMES: dict[FileKind, dict[str, tuple[str, ...]]] = {
    "events": {
        "user": _USER_IDS,
        "item": _ITEM_IDS,
        "time": ("time", "timestamp"),
        "position": ("position",),  # an order without times
        "value": ("value", "rating", "plays", "price"),
        "kind": ("kind", "event", "event_type"),
        "weight": ("weight",),
        "query": ("query",),
    },
    "items": {
        "id": ("id", *_ITEM_IDS),
        "title": ("title", "name", "movie_title", "item_title"),
        "description": ("description", "text", "body"),
        "image": ("image",),
    },
    "users": {"id": ("id", *_USER_IDS)},
}
_NEEDED: dict[FileKind, tuple[str, ...]] = {"events": ("user", "item"), "items": ("id",), "users": ("id",)}


def choose_columns(kind: FileKind, table: Table, given: Mapping[str, str]) -> dict[str, str]:
    """The file's column for each role, `given` first.

    A column of items or users that is given no role is an attribute under its own name; a role that is given the empty
    string leaves out the column of that name. Raises PromptrecError.
    """
    left = list(table.columns)
    known = COMMON_NAMES[kind]
    chosen: dict[str, str] = {}
    for role, column in given.items():
        if kind == "events" and role not in known:
            raise PromptrecError(f"{table.path}: events have no {role!r}; they have {', '.join(known)}")
        if (column or role) not in left:
            raise PromptrecError(
                f"{table.path}: there is no column {column or role!r} (mapped to {role!r}); "
                f"the columns are {', '.join(table.columns)}"
            )
        left.remove(column or role)
        if column:
            chosen[role] = column
    for role, names in known.items():
        lower = {column.lower(): column for column in reversed(left)}
        found = next((lower[name] for name in names if name in lower), None)
        if role not in given and found is not None:
            chosen[role] = found
            left.remove(found)
    for role in _NEEDED[kind]:
        if role not in chosen:
            raise PromptrecError(
                f"{table.path}: no column for the {role} was found among {', '.join(table.columns)}; "
                f"say which it is, for example {kind}.{role}={table.columns[0]}"
            )
    for role, column in chosen.items():
        if (kind == "events" or role == "id") and table.frame[column].dtype != pl.String:
            raise PromptrecError(f"{table.path}: column {column!r} has lists; the {role} needs one value a record")
    if kind != "events":
        for column in left:
            if column in chosen:
                raise PromptrecError(f"{table.path}: column {column!r} and the one mapped to it collide; map it too")
            chosen[column] = column
    return chosen


def shown(kind: FileKind, chosen: Mapping[str, str]) -> str:
    """The mapping on one line."""
    return f"{kind}: " + ", ".join(f"{role} ← {column}" for role, column in chosen.items())
