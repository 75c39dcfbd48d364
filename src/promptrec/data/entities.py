"""Items and users: unique ids, typed attributes, and what becomes of missing values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from promptrec.data.blocks import TableFile, short
from promptrec.data.catalogue import NOT_ATTRIBUTES
from promptrec.data.cleaning import LEFT_EMPTY, Cleaning
from promptrec.data.mapping import EntityMapping, FileKind
from promptrec.data.values import numbers, plain_text
from promptrec.errors import PromptrecError

FILE, RECORD = "\0file", "\0record"  # names that no file's column has
_NUMERIC_FROM = 0.99  # an attribute is a number where at least this share of its values is; the others are emptied
_TEXTS = NOT_ATTRIBUTES
_RULES = "median, most frequent, drop or constant:VALUE"


def read_entities(
    kind: FileKind,
    files: Sequence[TableFile],
    chosen: Mapping[str, str],
    section: EntityMapping,
    separator: str | None,
    cleaning: Cleaning,
    known: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The records of the files with the roles of `chosen` as columns, the texts first. Raises PromptrecError.

    known: what a dataset has already; records with one of its ids are rejected.
    """
    path = files[0].path
    _check_keys(path.name, chosen, section)
    frame = _records(kind, files, chosen, cleaning)
    frame = _unique(kind, files, frame, cleaning)
    if known is not None:
        again = frame["id"].is_in(known["id"].implode())
        lost = frame.filter(again)
        cleaning.reject_later(kind, files, _places(lost), lost["id"], "id", "already in the dataset")
        frame = frame.filter(~again)
    for name, rule in section.missing.items():
        if rule == "drop":
            lacking = _lacks(frame[_role(chosen, name)])
            cleaning.reject_later(kind, files, _places(frame.filter(lacking)), None, name, f"missing {name}")
            frame = frame.filter(~lacking)
    if frame.is_empty() and known is None:
        what = "the catalogue is empty" if kind == "items" else "there are no users"
        raise PromptrecError(f"{path}: {what}; expected at least one record with an id ({cleaning.first_reason(kind)})")
    cleaning.keep(kind, len(frame))
    typed = []
    for role in sorted(chosen, key=lambda role: _TEXTS.index(role) if role in _TEXTS else len(_TEXTS)):
        column, found, values = chosen[role], frame[role], frame[role]
        if role in _TEXTS:
            values = plain_text(found)
        else:
            declared = section.separators.get(column, " " if column in files[0].sequences else None)
            values = _attribute(found, declared, separator or "|", files[0].typed)
            gone = found.is_not_null() & values.is_null()
            if values.dtype.is_numeric():
                cleaning.emptied(f"{path.name}, {column}", frame[RECORD].filter(gone), found.filter(gone))
        fill = section.missing.get(role, section.missing.get(column))
        typed.append(_with_missing(values, fill, f"{path.name}, {column}", cleaning).alias(role))
    return pl.DataFrame(typed)


def merge(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The old records and then the new ones. A column that only one side has is empty on the other; one whose types
    differ is Float64 where both are numbers, else text, or lists of texts where one has lists."""
    for name in set(old.columns) & set(new.columns):
        kinds = {old.schema[name], new.schema[name]}
        if len(kinds) == 1:
            continue
        if pl.List(pl.String) in kinds:
            old, new = (_listed(frame, name) for frame in (old, new))
        elif pl.String in kinds:
            old, new = (frame.with_columns(pl.col(name).cast(pl.String)) for frame in (old, new))
    return pl.concat([old, new], how="diagonal_relaxed")


def _listed(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    if frame.schema[name] == pl.List(pl.String):
        return frame
    text = pl.col(name).cast(pl.String)
    return frame.with_columns(pl.when(text.is_not_null()).then(pl.concat_list(text)).alias(name))


def _records(kind: FileKind, files: Sequence[TableFile], chosen: Mapping[str, str], cleaning: Cleaning) -> pl.DataFrame:
    parts = []
    for place, file in enumerate(files):
        for block in file.blocks():
            cleaning.open(kind, file, block)
            columns = {role: block.frame[column] for role, column in chosen.items() if column in block.frame.columns}
            marks = {FILE: pl.Series([place] * len(block.records), dtype=pl.UInt32), RECORD: pl.Series(block.records)}
            parts.append(pl.DataFrame({**columns, **marks}))
    frame = parts[0] if parts else pl.DataFrame(schema={**dict.fromkeys(chosen, pl.String), FILE: pl.UInt32})
    if any(part.schema != frame.schema for part in parts):
        for place in range(1, len(parts)):
            frame = merge(frame, parts[place])
    elif len(parts) > 1:
        frame = pl.concat(parts)
    if isinstance(frame.schema["id"], pl.List):
        raise PromptrecError(f"{files[0].path}: column {chosen['id']!r} has lists; the id needs one value a record")
    return frame.with_columns(pl.col("id").cast(pl.String))


def _unique(kind: FileKind, files: Sequence[TableFile], frame: pl.DataFrame, cleaning: Cleaning) -> pl.DataFrame:
    """Without the records that have no id and the exact duplicates."""
    blank = frame["id"].is_null() | (frame["id"].str.strip_chars() == "").fill_null(True)
    if blank.any():
        lost = frame.filter(blank)
        cleaning.reject_later(kind, files, _places(lost), lost["id"], "id", "missing id")
        frame = frame.filter(~blank)
    again = frame["id"].is_duplicated()
    if not again.any():
        return frame
    twice = frame.filter(again)
    first = twice.select(pl.struct(pl.exclude(FILE, RECORD)).is_first_distinct()).to_series()
    different = twice.filter(first & ~twice["id"].is_first_distinct())
    if len(different):
        id_ = different["id"][0]
        one, other = twice.filter(pl.col("id") == id_)[RECORD][0], different[RECORD][0]
        raise PromptrecError(
            f"{files[int(different[FILE][0])].path}: id {short(id_)!r} appears twice with different content "
            f"(records {one:,} and {other:,}); keep one of them"
        )
    cleaning.reject_later(kind, files, _places(twice.filter(~first)), None, None, "exact duplicate")
    return frame.filter(frame["id"].is_first_distinct())


def _places(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(file=FILE, record=RECORD)


def _attribute(column: pl.Series, declared: str | None, usual: str, typed: bool) -> pl.Series:
    """A list where the file has lists or separators, a number where (nearly) all values are, else text.

    declared: what separates the words of this column, which is a list; "" says that it is none. usual: what makes
    lists of the others, where it occurs.
    """
    if isinstance(column.dtype, pl.List):
        return _words(column)
    if column.dtype.is_float():
        return column.set(column.is_infinite().fill_null(False), None)
    if column.dtype != pl.String or (typed and declared is None):
        return column
    if declared:
        return _words(column.str.split(declared))
    if declared is None and column.str.contains(usual, literal=True).any():
        return _words(column.str.split(usual))
    found = numbers(column)
    found = found.set(~found.is_finite().fill_null(True), None)
    filled = column.drop_nulls()
    if not found.count() or found.count() < _NUMERIC_FROM * len(filled) or filled.str.contains(r"^\s*[+-]?0\d").any():
        return column
    whole = column.str.strip_chars().cast(pl.Int64, strict=False)
    if whole.count() < found.count():
        small = found.abs() < 2**53
        whole = found.set(~small.fill_null(True), None).cast(pl.Int64, strict=False)
    return whole if whole.count() == found.count() and (whole == found).all() else found


def _words(lists: pl.Series) -> pl.Series:
    """The words without the space around them; null where there is none."""
    words = lists.list.eval(pl.element().str.strip_chars())
    words = words.list.eval(pl.element().filter((pl.element() != "").fill_null(False)))
    return pl.select(pl.when(words.list.len() > 0).then(words)).to_series()


def _lacks(column: pl.Series) -> pl.Series:
    return column.is_null() | (column.str.strip_chars() == "") if column.dtype == pl.String else column.is_null()


def _with_missing(column: pl.Series, rule: str | None, name: str, cleaning: Cleaning) -> pl.Series:
    lacking = column.null_count()
    if rule is None or rule == "drop" or not lacking:
        cleaning.missing(name, lacking, LEFT_EMPTY)
        return column
    lists = isinstance(column.dtype, pl.List)
    value: Any
    if rule == "median":
        if not column.dtype.is_numeric():
            raise PromptrecError(f"{name}: missing = 'median' needs numbers, and the column has text; use another rule")
        found = column.median()
        value = None if found is None else pl.Series([found]).round().cast(column.dtype)[0]
        value = found if column.dtype.is_float() else value
    elif rule == "most frequent":
        counted = (column.explode() if lists else column).drop_nulls().value_counts(sort=True)
        top = counted.filter(counted["count"] == counted["count"].max()).to_series()
        value = top.sort()[0] if len(top) else None
    else:
        value = rule.removeprefix("constant:")
        if column.dtype.is_numeric():
            number = numbers(pl.Series([value])).cast(column.dtype, strict=False)[0]
            if number is None:
                raise PromptrecError(f"{name}: missing = {rule!r}: the column has numbers; give a number")
            value = number
    if value is None:
        cleaning.missing(name, lacking, "left empty: no record has a value")
        return column
    cleaning.missing(name, lacking, f"{rule}: {value}" if not rule.startswith("constant:") else f"filled with {value}")
    return column.to_frame("x").select(pl.col("x").fill_null(pl.lit([value] if lists else value))).to_series()


def _check_keys(file: str, chosen: Mapping[str, str], section: EntityMapping) -> None:
    for key in ("separators", "missing"):
        for name, rule in getattr(section, key).items():
            _role(chosen, name, f"{file}: {key}: ")
            known = ("median", "most frequent", "drop")
            if key == "missing" and rule not in known and not rule.startswith("constant:"):
                raise PromptrecError(f"{file}: missing = {rule!r} for {name!r} is not known; use {_RULES}")


def _role(chosen: Mapping[str, str], name: str, where: str = "") -> str:
    for role, column in chosen.items():
        if name in (column, role):
            return role
    raise PromptrecError(f"{where}there is no column {name!r}; the columns taken are {', '.join(chosen.values())}")
