"""The workspaces of the benches: what is not there yet is fetched, imported or trained, as a person would do it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from promptrec.workspace import Workspace


def program() -> str:
    return str(Path(sys.executable).with_name("promptrec"))


def with_data(place: Workspace, *source: str) -> Workspace:
    """source: what `promptrec data` is told, as in fetch, movielens-1m."""
    if not (place.dataset / "manifest.json").exists():
        place.root.mkdir(parents=True, exist_ok=True)
        command = [program(), "data", *source, "-w", str(place.root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return place


def trained(place: Workspace, seed: int, *source: str) -> Workspace:
    """With a model of default settings, too."""
    if not (with_data(place, *source).backbones / "current").exists():
        subprocess.run([program(), "train", "--seed", str(seed), "-w", str(place.root)], check=True)
    return place
