"""The folder that all verbs share, and how things are written into it."""

from __future__ import annotations

import ctypes
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptrec.errors import PromptrecError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Workspace:
    """Where each part of a workspace lies. Nothing is created until something is written."""

    root: Path

    @property
    def dataset(self) -> Path:
        return self.root / "dataset"

    @property
    def backbones(self) -> Path:
        return self.root / "backbone"

    @property
    def prompts(self) -> Path:
        return self.root / "prompts"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def state(self) -> Path:
        """The SQLite database of the service."""
        return self.root / "state.db"


def write_json(path: Path, document: Any) -> None:
    """Write `document` in one atomic step: readers see the old file or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(document, out, ensure_ascii=False, indent=1, allow_nan=False)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    Path(temporary).replace(path)


def read_json(path: Path, what: str) -> dict[str, Any]:
    """Read a document that promptrec wrote; `what` names it in the error when it is absent, broken or too new."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PromptrecError(f"{path}: there is no {what} here") from None
    except (OSError, ValueError) as error:
        raise PromptrecError(f"{path}: this {what} cannot be read ({error}); restore it or make it again") from None
    if not isinstance(document, dict):
        raise PromptrecError(f"{path}: expected the JSON object of a {what}, found {type(document).__name__}")
    found = document.get("schema_version", SCHEMA_VERSION)
    if not isinstance(found, int) or found > SCHEMA_VERSION:
        raise PromptrecError(
            f"{path}: this {what} has schema version {found}, this promptrec reads up to {SCHEMA_VERSION}; upgrade it"
        )
    return document


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder that becomes `target` in one step when the block ends well, and vanishes when it does not.

    A folder that stands at `target` is replaced; a kill at any moment leaves it as it was or as it is to be.
    """
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    staging.chmod(0o755)
    try:
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    if target.exists() and _exchange(staging, target):
        shutil.rmtree(staging, ignore_errors=True)
    elif target.exists():
        retired = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
        target.replace(retired / target.name)
        staging.replace(target)
        shutil.rmtree(retired, ignore_errors=True)
    else:
        staging.replace(target)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step. False where the system or the file system has no such step."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)
