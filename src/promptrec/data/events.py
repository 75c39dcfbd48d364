"""Events, block by block: what is wrong is noted, what is right is kept in its canonical columns, ids as codes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from promptrec.data.blocks import Block, TableFile
from promptrec.data.cleaning import Cleaning
from promptrec.data.mapping import Normalise
from promptrec.data.values import epoch_scale, numbers, times
from promptrec.errors import PromptrecError


@dataclass(frozen=True)
class Codes:
    """Ids as numbers in order of first appearance; one object an import, so that numbers of all its frames agree.

    Catalogue items have the codes from 0 on, in their order.
    """

    users: pl.Categorical
    items: pl.Categorical
    kinds: pl.Categorical
    catalogue: tuple[pl.Series, ...]  # Polars forgets the numbers of a type that no column has any more

    @classmethod
    def of(cls, item_ids: pl.Series) -> Codes:
        users, items, kinds = (pl.Categorical(pl.Categories.random()) for _ in range(3))
        nobody = pl.Series([], dtype=pl.String)
        return cls(users, items, kinds, (nobody.cast(users), item_ids.cast(items), nobody.cast(kinds)))


def read_events(
    files: Sequence[TableFile],
    chosen: Mapping[str, str],
    codes: Codes,
    known_items: int | None,
    normalise: Normalise,
    cleaning: Cleaning,
) -> pl.DataFrame:
    """The valid events in the order of the files.

    known_items: events on items whose code is not below it are rejected; None keeps them all.
    The columns are user, item and kind (Categorical), time (Float64), of value, weight, position (Float64) and query
    (String) those that are in `chosen`, and file (place in `files`), record, and two hashes of the whole record.
    """
    parts = []
    for place, file in enumerate(files):
        scale: float | None = None
        for block in _ahead(file.blocks()):
            cleaning.open("events", file, block)
            if not len(block.frame):
                continue
            if "time" in chosen and scale is None:
                scale = epoch_scale(_one_value(file, block, "time", chosen))
            events, wrong = _checked(file, block, chosen, scale or 1.0, normalise)
            good = _reject(file, block, wrong, cleaning)
            events = events.with_columns(
                file=pl.lit(place, pl.UInt16),
                record=pl.Series(block.records, dtype=pl.UInt32),
                hash1=block.frame.hash_rows(1),
                hash2=block.frame.hash_rows(2),
            )
            if good is not None:
                block = Block(block.frame.filter(good), block.records[good.to_numpy()], _raw_of(block, good))
                events = events.filter(good)
            events = events.with_columns(
                pl.col("user").cast(codes.users), pl.col("item").cast(codes.items), pl.col("kind").cast(codes.kinds)
            )
            if known_items is not None:
                unknown = (events["item"].to_physical() >= known_items).fill_null(False)
                if unknown.any():
                    column = chosen["item"]
                    places = unknown.arg_true().to_list()
                    values = block.frame[column].filter(unknown)
                    cleaning.reject("events", file, block, places, values, column, "item is not in the items file")
                    events = events.filter(~unknown)
            parts.append(events)
    return pl.concat(parts) if parts else pl.DataFrame(schema=_schema(chosen, codes))


def _schema(chosen: Mapping[str, str], codes: Codes) -> dict[str, pl.DataType]:
    numbers_ = dict.fromkeys((role for role in ("value", "weight", "position") if role in chosen), pl.Float64())
    texts = {"query": pl.String()} if "query" in chosen else {}
    marks = {"file": pl.UInt16(), "record": pl.UInt32(), "hash1": pl.UInt64(), "hash2": pl.UInt64()}
    ids = {"user": codes.users, "item": codes.items, "time": pl.Float64(), "kind": codes.kinds}
    return {**ids, **numbers_, **texts, **marks}


def _checked(
    file: TableFile, block: Block, chosen: Mapping[str, str], scale: float, normalise: Normalise
) -> tuple[pl.DataFrame, list[tuple[str, str, pl.Series]]]:
    """The events of a block, and (column, reason, mask) of what is wrong, the most important first."""

    def text(role: str) -> pl.Series:
        if role not in chosen or chosen[role] not in block.frame.columns:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(block.frame))
        column = _one_value(file, block, role, chosen).cast(pl.String)
        return pl.select(pl.when(column.str.strip_chars() != "").then(column)).to_series()

    user, item, query = text("user"), text("item"), text("query")
    missing = item.is_null() if "query" not in chosen else item.is_null() & query.is_null()
    wrong = [(chosen["user"], "missing user", user.is_null()), (chosen["item"], "missing item", missing)]
    columns: dict[str, pl.Series] = {}
    for role in ("value", "weight", "position"):
        if role in chosen:
            given = _one_value(file, block, role, chosen)
            columns[role] = numbers(given)
            bad = given.is_not_null() & ~columns[role].is_finite().fill_null(False)
            wrong.append((chosen[role], f"{role} is not a finite number", bad))
    if normalise == "log" and "value" in columns:
        wrong.append((chosen["value"], "value is below 0, of which there is no log", columns["value"] < 0))
    if "weight" in columns:
        wrong.append((chosen["weight"], "weight is below 0", columns["weight"] < 0))
    time = pl.Series([None], dtype=pl.Float64).new_from_index(0, len(block.frame))
    if "time" in chosen:
        given = _one_value(file, block, "time", chosen)
        time = times(given, scale)
        reason = "time is neither epoch seconds nor ISO 8601"
        wrong.append((chosen["time"], reason, given.is_not_null() & time.is_null()))
    usual = "rating" if chosen.get("value", "").lower() == "rating" else "view"
    kind = text("kind")
    if kind.null_count():
        default = pl.when(item.is_null()).then(pl.lit("search")).otherwise(pl.lit(usual))
        kind = pl.select(pl.coalesce(kind, default)).to_series()
    if "query" in chosen:
        columns["query"] = query
    return pl.DataFrame({"user": user, "item": item, "time": time, "kind": kind, **columns}), wrong


def _one_value(file: TableFile, block: Block, role: str, chosen: Mapping[str, str]) -> pl.Series:
    name = chosen[role]
    if name not in block.frame.columns:
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(block.frame))
    column = block.frame[name]
    if isinstance(column.dtype, pl.List):
        raise PromptrecError(f"{file.path}: column {name!r} has lists; the {role} needs one value a record")
    return column


def _reject(
    file: TableFile, block: Block, wrong: Sequence[tuple[str, str, pl.Series]], cleaning: Cleaning
) -> pl.Series | None:
    """Note the records that are wrong, each for its first reason; return a mask of the others, None for all."""
    good: pl.Series | None = None
    for column, reason, mask in wrong:
        mask = mask.fill_null(False)
        if not mask.any():
            continue
        new = mask if good is None else mask & good
        values = block.frame[column] if column in block.frame.columns else pl.Series([None] * len(mask))
        if new.any():
            places = new.arg_true().to_list()
            cleaning.reject("events", file, block, places, values.filter(new), column, reason)
        good = ~mask if good is None else good & ~mask
    return good


def _raw_of(block: Block, good: pl.Series) -> Callable[[Sequence[int]], list[str]]:
    kept = np.flatnonzero(good.to_numpy())
    return lambda places: block.raw([int(kept[place]) for place in places])


def _ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same blocks, the next one read by a thread of its own while one is worked on."""
    ready: queue.Queue[Block | BaseException | None] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def put(found: Block | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(found, timeout=0.1)
                return
            except queue.Full:
                pass

    def read() -> None:
        try:
            for block in blocks:
                put(block)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # raised again where the blocks are used
            put(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (found := ready.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        stopped.set()
        thread.join()
