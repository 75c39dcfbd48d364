"""The small world with a number for each film and a genre that each person says they like (contracts/world.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.world import told_more
from promptrec.recommender import Recommender


@pytest.fixture(scope="session")
def world(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_more(trained, tmp_path_factory.mktemp("tune") / "workspace")


@pytest.fixture(scope="session")
def recommender(world: Path) -> Recommender:
    return Recommender.load(world)
