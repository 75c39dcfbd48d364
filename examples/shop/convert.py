"""From Amazon's reviews of 2014 to the two files that shop.toml names.

    python convert.py DOWNLOADS DATA

DOWNLOADS holds reviews_Beauty_5.json.gz (JSON lines) and meta_Beauty.json.gz (a Python literal a line); the files are
written to DATA/beauty/. People and items are numbered as they first appear, as in S3-Rec's preparation.
"""

from __future__ import annotations

import ast
import gzip
import html
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

FEWEST_ITEMS = 5  # an attribute word that fewer items carry says nothing about a group


def reviews(path: Path) -> pl.DataFrame:
    """Person, item and time, by person in order of first appearance and then by time."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [(row["reviewerID"], row["asin"], row["unixReviewTime"]) for row in map(json.loads, lines)]
    frame = pl.DataFrame(rows, schema=["person", "asin", "time"], orient="row").with_row_index("row")
    return frame.sort(pl.col("row").min().over("person"), "time", "row")


def numbers(column: pl.Series) -> dict[str, int]:
    """From 1, in order of first appearance."""
    return {value: number for number, value in enumerate(column.unique(maintain_order=True), start=1)}


def products(path: Path, wanted: dict[str, int]) -> pl.DataFrame:
    """Title, and brand and categories joined by |, of the wanted items in the order of their numbers."""
    found: dict[str, dict[str, Any]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = ast.literal_eval(line)
            if row["asin"] in wanted:
                found[row["asin"]] = row
    words = {asin: list(dict.fromkeys(_words(found.get(asin, {})))) for asin in wanted}
    carried = Counter(word for own in words.values() for word in own)
    return pl.DataFrame(
        {
            "item_id": list(wanted.values()),
            "asin": list(wanted),
            "title": [html.unescape(found.get(asin, {}).get("title", "")) or None for asin in wanted],
            "attributes": ["|".join(w for w in words[asin] if carried[w] >= FEWEST_ITEMS) or None for asin in wanted],
        }
    )


def _words(row: dict[str, Any]) -> list[str]:
    """The brand and the first path of categories without its root, which is Beauty for all."""
    path = row.get("categories", [[]])[0][1:]
    return [html.unescape(word) for word in [row.get("brand", ""), *path] if word]


def main(downloads: Path, data: Path) -> None:
    events = reviews(downloads / "reviews_Beauty_5.json.gz")
    people, items = numbers(events["person"]), numbers(events["asin"])
    numbered = events.select(
        user_id=pl.col("person").replace_strict(people),
        item_id=pl.col("asin").replace_strict(items),
        position=pl.int_range(pl.len()).over("person"),
    )
    folder = data / "beauty"
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("events", numbered), ("items", products(downloads / "meta_Beauty.json.gz", items))):
        frame.write_csv(folder / f"{name}.csv.gz", compression="gzip")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
