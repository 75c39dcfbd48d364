"""Writes events.csv: what 200 invented people did, each with one or two interests, always the same file."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl

HERE = Path(__file__).parent
PEOPLE = 200
SEED = 20
OTHER = 0.15  # the share of events that have nothing to do with a person's interests


def events(items: pl.DataFrame) -> pl.DataFrame:
    """8 to 16 events a person on items (id, kind): one interest mostly, a second one later, now and then anything.

    Within a kind the order of the catalogue gives popularity: the first item is met about twice as often as the last.
    """
    rng = random.Random(SEED)
    kinds = items["kind"].unique(maintain_order=True).to_list()
    of_kind = {kind: items.filter(pl.col("kind") == kind)["id"].to_list() for kind in kinds}
    rows = []
    for person in range(PEOPLE):
        first, second = rng.sample(kinds, 2)
        length, done = rng.randint(8, 16), set()
        for step in range(length):
            kind = rng.choice(kinds) if rng.random() < OTHER else (first if step < 0.6 * length else second)
            left = [id_ for id_ in of_kind[kind] if id_ not in done]
            if not left:
                continue
            item = rng.choices(left, [2 - place / len(left) for place in range(len(left))])[0]
            done.add(item)
            rows.append((f"p{person:03}", item, len(done)))
    return pl.DataFrame(rows, schema=["user_id", "item_id", "position"], orient="row")


if __name__ == "__main__":
    events(pl.read_csv(HERE / "items.csv")).write_csv(HERE / "events.csv")
