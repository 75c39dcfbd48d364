"""What a person wants to know first about a dataset."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from promptrec.data.dataset import Dataset


def describe(dataset: Dataset) -> dict[str, Any]:
    """Counts, density, time span (epoch seconds), the share of events on the top tenth of items, cold items and the
    share of items with each text."""
    events = dataset.events.filter(pl.col("item").is_not_null())
    people, items = dataset.events["user"].n_unique(), len(dataset.items)
    counts = events["item"].value_counts(sort=True)["count"]
    pairs = events.select(pl.struct("user", "item").n_unique()).item()
    return {
        "name": dataset.manifest.get("name", ""),
        "events": len(dataset.events),
        "people": people,
        "items": items,
        "kinds": dict(sorted(dataset.events["kind"].value_counts().iter_rows())),
        "density": pairs / (people * items) if people else 0.0,
        "first_time": dataset.events["time"].min(),
        "last_time": dataset.events["time"].max(),
        "top_tenth_share": counts.head(math.ceil(items / 10)).sum() / max(len(events), 1),
        "cold_items": items - events["item"].n_unique(),
        "attributes": list(dataset.catalogue.attributes),
        "text_coverage": {
            name: dataset.items.select((pl.col(name).str.strip_chars() != "").fill_null(False).mean()).item()
            for name in ("title", "description")
            if name in dataset.items.columns
        },
    }
