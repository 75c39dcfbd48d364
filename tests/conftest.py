"""Models trained on the small world (contracts/world.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.pictures import pictured_world
from contracts.world import small_world
from promptrec.recommender import Recommender
from promptrec.training import train
from promptrec.workspace import Workspace


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


@pytest.fixture(scope="session")
def trained_with_room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same trained with seed 1: at seed 0 it answers so well (NDCG@10 .95) that tuning has little left to learn."""
    root = tmp_path_factory.mktemp("with-room")
    small_world().save(Workspace(root).dataset)
    train(Workspace(root), seed=1)
    return root


@pytest.fixture(scope="session")
def with_room(trained_with_room: Path) -> Recommender:
    return Recommender.load(trained_with_room)


@pytest.fixture(scope="session")
def factorized(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    """The same with the `factorization` backbone."""
    workspace = Workspace(tmp_path_factory.mktemp("factorized"))
    small_world().save(workspace.dataset)
    return train(workspace, seed=0, kind="factorization")


@pytest.fixture(scope="session")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the small world with pictures, whose last film has none."""
    workspace = Workspace(tmp_path_factory.mktemp("pictured"))
    pictured_world(workspace.dataset)
    train(workspace, seed=0)
    return workspace.root
