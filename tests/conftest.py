"""The small world: three kinds of films, people who watch one kind; its right answers are known by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.recommender import Recommender
from promptrec.training import train
from promptrec.workspace import Workspace

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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a model trained on the small world; tests that write into it use names of their own."""
    root = tmp_path_factory.mktemp("small-world")
    workspace = Workspace(root)
    small_world().save(workspace.dataset)
    train(workspace, seed=0)
    return root


@pytest.fixture(scope="session")
def recommender(trained: Path) -> Recommender:
    return Recommender.load(trained)
