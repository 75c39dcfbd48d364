"""What a person wants to know first about a dataset."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import polars as pl

from promptrec.data.dataset import Dataset
from promptrec.data.languages import languages

FEW = 3  # with fewer events a person is cold: there is nothing to hold out for validation and test


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts, density, time span (epoch seconds), the long tail, cold people and items, text coverage, languages.

    top_tenth_share: the share of the events that is on the tenth of the items with most of them; half_of_events: how
    many items have half of the events. cold_people: those with fewer than `FEW` events; cold_items: those with none.
    text_coverage: the share of the items that have each text; languages: shares among a sample of the texts.
    """
    events = dataset.events.filter(pl.col("item").is_not_null())
    of_person = dataset.events.group_by("user").len()["len"]
    people, items = len(of_person), len(dataset.items)
    counts = events["item"].value_counts(sort=True)["count"]
    pairs = events.select(pl.struct("user", "item").n_unique()).item() if len(events) else 0
    return {
        "name": dataset.manifest.get("name", ""),
        "events": len(dataset.events),
        "people": people,
        "items": items,
        "kinds": dict(sorted(dataset.events["kind"].value_counts().iter_rows())),
        "searches": dataset.events["query"].count(),
        "density": pairs / (people * items) if people else 0.0,
        "events_a_person": _spread(of_person),
        "events_an_item": _spread(counts),
        "first_time": dataset.events["time"].min(),
        "last_time": dataset.events["time"].max(),
        "top_tenth_share": counts.head(math.ceil(items / 10)).sum() / max(len(events), 1),
        "half_of_events": int((counts.cum_sum() < counts.sum() / 2).sum()) + 1 if len(counts) else 0,
        "cold_people": int((of_person < FEW).sum()),
        "cold_items": items - len(counts),
        "attributes": list(dataset.catalogue.attributes),
        "text_coverage": {
            name: dataset.items.select((pl.col(name).str.strip_chars() != "").fill_null(False).mean()).item()
            for name in ("title", "description")
            if name in dataset.items.columns
        },
        "languages": languages(dataset.items),
    }


def _spread(counts: pl.Series) -> dict[str, float]:
    if counts.is_empty():
        return {"median": 0, "largest": 0}
    return {"median": float(counts.median()), "largest": int(counts.max())}  # type: ignore[arg-type]


def lines(facts: dict[str, Any]) -> list[str]:
    """The facts of `describe` for a person to read."""
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in facts["kinds"].items())
    tail = f"the tenth with most has {facts['top_tenth_share']:.0%}"
    shown = [
        ("name", facts["name"]),
        ("events", f"{facts['events']:,} ({kinds})"),
        ("people", f"{facts['people']:,}, {_spread_text(facts['events_a_person'])}"),
        ("", f"{facts['cold_people']:,} are cold: fewer than {FEW} events"),
        ("items", f"{facts['items']:,}, {_spread_text(facts['events_an_item'])}"),
        ("", f"{facts['cold_items']:,} are cold: no event"),
        ("density", f"{facts['density']:.4%} of all pairs of a person and an item have an event"),
        ("time", _span(facts["first_time"], facts["last_time"])),
        ("long tail", f"{facts['half_of_events']:,} items have half of the events, {tail}"),
        ("attributes", ", ".join(facts["attributes"]) or "none"),
        ("texts", ", ".join(f"{share:.0%} with {name}" for name, share in facts["text_coverage"].items()) or "none"),
        ("languages", ", ".join(f"{share:.0%} {code}" for code, share in facts["languages"].items()) or "none"),
    ]
    if facts["searches"]:
        shown.insert(2, ("searches", f"{facts['searches']:,} with their words"))
    return [f"{name:<11}{text}" for name, text in shown]


def _spread_text(spread: dict[str, float]) -> str:
    return f"a median of {spread['median']:g} and at most {spread['largest']:,} events each"


def _span(first: float | None, last: float | None) -> str:
    if first is None or last is None:
        return "unknown; only the order of events is"
    return f"{_date(first)} to {_date(last)}"


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ", timespec="minutes")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s"
