"""The small world with a number for each film and a genre that each person says they like."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from promptrec.data.dataset import Dataset
from promptrec.recommender import Recommender


@pytest.fixture(scope="session")
def world(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tune") / "workspace"
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


@pytest.fixture(scope="session")
def recommender(world: Path) -> Recommender:
    return Recommender.load(world)
