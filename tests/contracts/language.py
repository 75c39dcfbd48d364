"""The small world as a packaged language model reads it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from contracts.world import small_world
from promptrec.language_training import train_language
from promptrec.models import registry
from promptrec.recommender import Recommender
from promptrec.workspace import Workspace


def read_by(model: str, root: Path, labels: bool = True) -> Recommender:
    """labels: whether attribute words have their Chinese names."""
    registry.fetch(model)
    world = small_world()
    manifest = world.manifest if labels else {**world.manifest, "labels": {}}
    replace(world, manifest=manifest).save(Workspace(root).dataset)
    return train_language(Workspace(root), model)
