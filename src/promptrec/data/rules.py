"""Cleaning rules over all events at once: duplicates, bots, repeated events, rare people and items, values, weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.mapping import CleaningMapping, Normalise, Repeated

Reject = Callable[[pl.DataFrame, str | None, str], None]  # events, the role at fault, reason
OLD = np.iinfo(np.uint16).max  # the `file` of events that were in the dataset already


def without_duplicates(events: pl.DataFrame, reject: Reject) -> pl.DataFrame:
    """Of records that are the same in every field, the first; and none that is in the dataset already."""
    candidates = (events["hash1"].is_duplicated()) & (events["file"] != OLD)
    if candidates.any():
        places = candidates.arg_true()
        first = events[places].select(pl.struct("hash1", "hash2").is_first_distinct()).to_series()
        events = _drop(events, _mask(len(events), places.filter(~first)), reject, None, "exact duplicate")
    events = events.drop("hash1", "hash2")
    old = events["file"] == OLD
    if old.any():
        same = [name for name in ("user", "item", "time", "kind", "value", "query") if name in events.columns]
        rows = events.select(*same).with_row_index("row")
        new = rows.filter(~old & events["time"].is_not_null())
        again = new.join(rows.filter(old), on=same, how="semi", nulls_equal=True)["row"]
        events = _drop(events, _mask(len(events), again), reject, None, "already in the dataset")
    return events


def without_bots(events: pl.DataFrame, most: int | None, reject: Reject) -> pl.DataFrame:
    """Without the people who have more events than `most`."""
    if most is None or events.is_empty():
        return events
    people = _codes(events["user"])
    many = np.bincount(people) > most
    return _drop(events, many[people] & _new(events), reject, "user", f"person has more than {most:,} events")


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """By person in order of first appearance, then by time, position, and as in the files."""
    people = _codes(events["user"])
    first = np.zeros(people.max(initial=-1) + 1, np.uint32)
    first[people[::-1]] = np.arange(len(people), dtype=np.uint32)[::-1]  # of equal indices the last one stays
    keys = [name for name in ("time", "position") if name in events.columns and events[name].null_count() < len(events)]
    ordered = events.with_columns(pl.Series("first", first[people])).sort("first", *keys, maintain_order=True)
    return ordered.drop("first", "position", strict=False)


def without_repeated(events: pl.DataFrame, repeated: Repeated, reject: Reject) -> pl.DataFrame:
    """Of the events of one person on one item the first or the last; all searches are kept. `events` is in order."""
    if repeated == "all":
        return events
    pair = pl.struct("user", "item")
    one = pair.is_first_distinct() if repeated == "first" else pair.is_last_distinct()
    again = events.select(~one & pl.col("item").is_not_null()).to_series().to_numpy()
    if repeated == "first":
        again &= _new(events)
    return _drop(events, again, reject, "item", f"repeated event, the {repeated} one is kept")


def core(events: pl.DataFrame, rule: CleaningMapping, reject: Reject) -> pl.DataFrame:
    """Without people and items that have too few events, until none has."""
    fewest_user, fewest_item = rule.fewest_events_a_user, rule.fewest_events_an_item
    if (fewest_user <= 1 and fewest_item <= 1) or events.is_empty():
        return events
    people, items = _codes(events["user"]), _codes(events["item"])
    left, removable = np.ones(len(events), bool), _new(events)
    rare_person, rare_item = np.zeros(len(events), bool), np.zeros(len(events), bool)
    while True:
        of_person = np.bincount(people[left], minlength=people.max() + 1)
        rare_person |= left & removable & (of_person[people] < fewest_user)
        still = left & ~rare_person
        on_item = still & (items >= 0)
        of_item = np.bincount(items[on_item], minlength=items.max(initial=0) + 1)
        rare_item |= on_item & removable & (of_item[items] < fewest_item)
        left, before = still & ~rare_item, left
        if left.sum() == before.sum():
            break
    reasons = (
        (rare_person, "user", f"person has fewer than {fewest_user} events"),
        (rare_item, "item", f"item has fewer than {fewest_item} events"),
    )
    for mask, role, reason in reasons:
        if mask.any():
            reject(events.filter(pl.Series(mask)), role, reason)
    return events.filter(pl.Series(left))


def normalised(events: pl.DataFrame, how: Normalise) -> pl.DataFrame:
    """The values as log(1 + value), as z-scores within a person (0 where all are equal), or from 0 to 1."""
    if how == "none" or "value" not in events.columns:
        return events
    value = pl.col("value")
    new = pl.col("file") != OLD
    if how == "log":
        return events.with_columns(pl.when(new).then(value.log1p()).otherwise(value).alias("value"))
    if how == "person":
        spread = value.std(ddof=0).over("user")
        centred = value - value.mean().over("user")
        return events.with_columns(pl.when(value.is_not_null()).then(
            pl.when(spread > 0).then(centred / spread).otherwise(0.0)).alias("value"))  # fmt: skip
    low, high = value.min(), value.max()
    scaled = pl.when(high > low).then((value - low) / (high - low)).otherwise(0.0)
    return events.with_columns(pl.when(value.is_not_null()).then(scaled).alias("value"))


def weighted(events: pl.DataFrame, weights: Mapping[str, float]) -> pl.DataFrame:
    """The weight of each event: its own, else that of its kind, else 1."""
    kinds = events["kind"].unique().drop_nulls()
    by_code = np.ones(int(_codes(kinds).max(initial=0)) + 1)
    by_code[_codes(kinds)] = [float(weights.get(kind, 1.0)) for kind in kinds.cast(pl.String)]
    of_kind = pl.Series(by_code[_codes(events["kind"])])
    if "weight" in events.columns:
        return events.with_columns(pl.col("weight").fill_null(of_kind))
    return events.with_columns(weight=of_kind)


def _codes(ids: pl.Series) -> npt.NDArray[np.int64]:
    """(n,) the code of each id, -1 where there is none."""
    return ids.to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def _new(events: pl.DataFrame) -> npt.NDArray[np.bool_]:
    new: npt.NDArray[np.bool_] = (events["file"] != OLD).to_numpy()
    return new


def _mask(n: int, places: pl.Series) -> npt.NDArray[np.bool_]:
    mask = np.zeros(n, bool)
    mask[places.to_numpy()] = True
    return mask


def _drop(events: pl.DataFrame, mask: npt.NDArray[Any], reject: Reject, role: str | None, reason: str) -> pl.DataFrame:
    if not mask.any():
        return events
    wrong = pl.Series(mask)
    reject(events.filter(wrong), role, reason)
    return events.filter(~wrong)
