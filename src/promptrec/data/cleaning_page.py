"""The report of an import as a page: what was kept, what was left out and why, and what the events look like."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt
import polars as pl

_BINS = 40


def event_facts(events: pl.DataFrame, items: int) -> dict[str, Any]:
    """How many people and items have how many events (in steps that double), how many items have none, and how many
    events there are in each of equal spans of time. events: ids as codes."""
    of_person = np.bincount(_codes(events["user"]))
    of_item = np.bincount(_codes(events["item"]), minlength=1)
    on_items = int((of_item > 0).sum())
    time = events["time"].drop_nulls().to_numpy()
    first, last = (time.min(), time.max()) if len(time) else (0.0, 0.0)
    bins = _BINS if last - first > _BINS else 1
    counts, edges = np.histogram(time, bins, (first, max(last, first + 1)))
    if not len(time):
        counts, edges = counts[:0], edges[:1]
    return {
        "events_a_person": _doubling(of_person),
        "events_an_item": _doubling(of_item),
        "items_without_events": items - on_items,
        "events_over_time": {"from": edges[:-1].tolist(), "to": edges[1:].tolist(), "events": counts.tolist()},
    }


def _codes(ids: pl.Series) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = ids.drop_nulls().to_physical().cast(pl.Int64).to_numpy()
    return codes


def _doubling(counts: npt.NDArray[np.int64]) -> dict[str, int]:
    """{"1": ..., "2-3": ..., "4-7": ...}: how many counts lie in each step."""
    counts = counts[counts > 0]
    if not len(counts):
        return {}
    steps = np.bincount(np.floor(np.log2(counts)).astype(np.int64))
    return {"1" if not n else f"{2**n}-{2 ** (n + 1) - 1}": int(count) for n, count in enumerate(steps)}


def write_page(file: Path, name: str, report: Mapping[str, Any]) -> None:
    """Write the page; it needs no other file and no network."""
    time = report["facts"]["events_over_time"]
    over_time = {
        f"{_date(first)} to {_date(last)}": count
        for first, last, count in zip(time["from"], time["to"], time["events"], strict=True)
    }
    page = _template().render(name=name, report=report, over_time=over_time)
    file.write_text(page, encoding="utf-8")


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("promptrec", "data"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("cleaning.html")


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="minutes")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.6g} s"
