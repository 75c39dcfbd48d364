"""A smaller shop to try things on: the buyers of the campaign's items first, then other people, and what they bought.

python cut.py PEOPLE DATA

It reads the folder that PROMPTREC_DATA names and writes DATA/beauty/, with all of the campaign's items.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import polars as pl

CAMPAIGN = "Men's"


def cut(source: Path, people: int, folder: Path) -> None:
    events, items = (pl.read_csv(source / f"{name}.csv.gz", infer_schema=False) for name in ("events", "items"))
    campaign = items.filter(pl.col("attributes").str.split("|").list.contains(CAMPAIGN))["item_id"]
    buyers = events.filter(pl.col("item_id").is_in(campaign.implode()))["user_id"]
    chosen = pl.concat([buyers, events["user_id"]]).unique(maintain_order=True).head(people)
    events = events.filter(pl.col("user_id").is_in(chosen.implode()))
    kept = pl.concat([events["item_id"], campaign])
    folder.mkdir(parents=True, exist_ok=True)
    events.write_csv(folder / "events.csv.gz", compression="gzip")
    items.filter(pl.col("item_id").is_in(kept.implode())).write_csv(folder / "items.csv.gz", compression="gzip")


if __name__ == "__main__":
    cut(Path(os.environ["PROMPTREC_DATA"]) / "beauty", int(sys.argv[1]), Path(sys.argv[2]) / "beauty")
