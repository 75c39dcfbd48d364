"""Which column of a file means what: as given, else guessed from common names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptrec.data.blocks import listed, short
from promptrec.data.catalogue import FILE_COLUMNS
from promptrec.data.mapping import FileKind
from promptrec.errors import PromptrecError

_ITEM_IDS = ("item_id", "item", "itemid", "movie_id", "movieid", "movie", "product_id", "product", "asin", "sku")
_USER_IDS = ("user_id", "user", "userid", "uid", "customer_id", "person", "visitor_id", "visitorid")
COMMON_NAMES: dict[FileKind, dict[str, tuple[str, ...]]] = {
    "events": {
        "user": _USER_IDS,
        "item": _ITEM_IDS,
        "time": ("time", "timestamp", "date", "datetime", "created_at", "event_time"),
        "position": ("position",),  # an order without times
        "value": ("value", "rating", "plays", "price"),
        "kind": ("kind", "event", "event_type", "action"),
        "weight": ("weight",),
        "query": ("query", "search_query"),
    },
    "items": {
        "id": ("id", *_ITEM_IDS),
        "title": ("title", "name", "movie_title", "item_title"),
        "description": ("description", "text", "body"),
        **{column: (column,) for column in FILE_COLUMNS},
    },
    "users": {"id": ("id", *_USER_IDS)},
}
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?")
_NEEDED: dict[FileKind, tuple[str, ...]] = {"events": ("user", "item"), "items": ("id",), "users": ("id",)}


def choose_columns(kind: FileKind, path: Path, columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The file's column for each role, `given` first.

    A column of items or users that is given no role is an attribute under its own name; a role that is given the empty
    string is not guessed, and leaves out the column of that name. Raises PromptrecError.
    """
    left = list(columns)
    known = COMMON_NAMES[kind]
    chosen: dict[str, str] = {}
    for role, column in given.items():
        if kind == "events" and role not in known:
            raise PromptrecError(f"{path}: events have no {role!r}; they have {', '.join(known)}")
        twin = next((other for other, taken in chosen.items() if column and taken == column), None)
        if twin is not None:
            raise PromptrecError(f"{path}: column {column!r} is mapped to {twin!r} and {role!r}; map it to one of them")
        if column and column not in left:
            raise PromptrecError(
                f"{path}: there is no column {column!r} (mapped to {role!r}); the columns are {listed(columns)}"
            )
        if not column and role not in left and role not in known:
            raise PromptrecError(f"{path}: there is no column {role!r} to leave out; the columns are {listed(columns)}")
        if (column or role) in left:
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
            headless = any(_NUMBER.fullmatch(column) for column in columns)
            hint = "; the first line must have the names of the columns" if headless else ""
            raise PromptrecError(
                f"{path}: no column for the {role} was found among {listed(columns)}; "
                f"say which it is, for example --column {kind}.{role}={short(columns[0])}{hint}"
            )
    if kind != "events":
        for column in left:
            if column in chosen:
                raise PromptrecError(f"{path}: column {column!r} and the one mapped to it collide; map it too")
            chosen[column] = column
    return chosen


def shown(kind: FileKind, chosen: Mapping[str, str]) -> str:
    """The mapping on one line."""
    return f"{kind}: " + ", ".join(f"{role} ← {column}" for role, column in chosen.items())
