"""Erasing a person: from the event store, the dataset's files and what this process remembers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from promptrec.prompt.library import PromptLibrary
from promptrec.serve.engine.engine import Engine
from promptrec.serve.schemas import ErasedOut
from promptrec.workspace import Workspace

FILES = {"events.parquet": "user", "users.parquet": "id", "rejected.parquet": "user"}


def erase(engine: Engine, user_id: str) -> ErasedOut:
    """Remove every row of a person; the next call knows nothing of them. What was trained stays as it is, and is named.

    Other workers take the changed dataset within a second.
    """
    events = engine.store.erase(user_id)
    rows = sum(_erase(engine.workspace.dataset / name, column, user_id) for name, column in FILES.items())
    engine.releases.refresh()
    if engine.current.packed is not None:
        engine.current.packed.cache.clear()
    return ErasedOut(events=events, dataset_rows=rows, still_held_by=_trained(engine.workspace) if rows else [])


def _erase(file: Path, column: str, user_id: str) -> int:
    if not file.exists():
        return 0
    before = pl.read_parquet(file)
    if column not in before.columns:
        return 0
    after = before.filter(pl.col(column).cast(pl.String).ne_missing(user_id))
    if len(after) == len(before):
        return 0
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "wb") as out:
        after.write_parquet(out)
        out.flush()
        os.fsync(out.fileno())
    Path(temporary).chmod(file.stat().st_mode)
    Path(temporary).replace(file)
    return len(before) - len(after)


def _trained(workspace: Workspace) -> list[dict[str, Any]]:
    """What learnt from the dataset's people: every backbone with its request encoder, and every tuned prompt."""
    versions = sorted(int(child.name) for child in workspace.backbones.iterdir() if child.name.isdigit())
    held: list[dict[str, Any]] = [
        {"kind": "backbone", "version": version, "rebuild": "promptrec train"} for version in versions
    ]
    for card in PromptLibrary(workspace.prompts).describe():
        if card["kind"] != "text":
            held.append(
                {
                    "kind": "prompt",
                    "name": card["name"],
                    "version": card["version"],
                    "rebuild": "promptrec tune",
                }
            )
    return held
