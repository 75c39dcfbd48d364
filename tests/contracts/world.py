"""The small world: three kinds of films, people who watch one kind; its right answers are known by construction."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query

KINDS = ("Comedy", "War", "Romance")
CHINESE = {"Comedy": "喜剧", "War": "战争片", "Romance": "爱情片"}
EACH = 15


def small_world() -> Dataset:
    """45 films, 90 people; a person watches ten films of one kind in their order, gives the even ones five stars."""
    rng = np.random.default_rng(7)
    items = pl.DataFrame(
        {
            "id": [f"{kind[0]}{n}" for kind in KINDS for n in range(EACH)],
            "title": [f"{kind} film number {n}" for kind in KINDS for n in range(EACH)],
            "genres": [[kind] for kind in KINDS for _ in range(EACH)],
        }
    )
    rows = []
    for person in range(90):
        kind = KINDS[person % 3]
        first = int(rng.integers(EACH))
        for order, n in enumerate((first + step) % EACH for step in range(10)):
            rating = 5.0 if n % 2 == 0 else 3.0
            rows.append((f"p{person}", f"{kind[0]}{n}", 1000.0 * order, "rating", rating, 1.0, None))
    events = pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row")
    manifest = {"name": "small-world", "value_name": "rating", "has_times": True, "labels": {"zh": CHINESE}}
    return Dataset(events, items, None, manifest)


def told_more(trained: Path, root: Path) -> Path:
    """A copy of a small world's workspace with a number for each film and a genre that each person says they like."""
    shutil.copytree(trained, root)
    dataset = Dataset.load(root / "dataset")
    users = pl.DataFrame(
        {
            "id": [f"p{n}" for n in range(90)],
            "likes": [("Comedy", "War", "Romance")[n % 3] for n in range(90)],
            "age": [20 + 10 * (n % 3) if n % 5 else None for n in range(90)],
        }
    )
    numbers = pl.Series("number", [float(n % 15) for n in range(45)])
    shutil.copy(root / "dataset" / "vectors.safetensors", root / "vectors.safetensors")
    replace(dataset, items=dataset.items.with_columns(numbers), users=users).save(root / "dataset")
    shutil.move(root / "vectors.safetensors", root / "dataset" / "vectors.safetensors")
    return root


@dataclass(frozen=True)
class World:
    """What a scorer is fitted on. vectors: (45, 16) content vectors that differ most by the kind of film."""

    split: Split
    catalogue: Catalogue
    vectors: Vectors


def permuted_world(order: Rows) -> World:
    """The small world with its items in another order."""
    dataset = small_world()
    dataset = Dataset(dataset.events, dataset.items[order.tolist()], None, dataset.manifest)
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(len(KINDS), 16))
    vectors = (np.repeat(centres, EACH, axis=0) + 0.1 * rng.normal(size=(len(KINDS) * EACH, 16))).astype(np.float32)
    return World(Split.of(dataset.histories, 0), dataset.catalogue, vectors[order])


def rows_of(catalogue: Catalogue, kind: str) -> Rows:
    """The rows of all films of a kind."""
    return catalogue.rows([f"{kind[0]}{n}" for n in range(EACH)])


def query(catalogue: Catalogue, *ids: str, prompt: Prompt | None = None) -> Query:
    rows = catalogue.rows(ids)
    return Query(history=History(rows, 1000.0 * np.arange(len(rows))), prompt=prompt)
