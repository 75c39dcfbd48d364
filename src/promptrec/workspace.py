"""The folder that all verbs share, and how things are written into it."""

from __future__ import annotations

import ctypes
import fcntl
import glob
import json
import os
import shutil
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


@contextmanager
def new_backbone(workspace: Workspace) -> Iterator[tuple[int, Path]]:
    """Yield the number and the empty folder of the next backbone; it is the current one when the block ends well."""
    versions = [int(child.name) for child in workspace.backbones.glob("[0-9]*") if child.name.isdigit()]
    version = max(versions, default=0) + 1
    with new_folder(workspace.backbones / str(version)) as folder:
        yield version, folder
    write_json(workspace.backbones / "current", {"schema_version": SCHEMA_VERSION, "version": version})


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

    A folder that stands at `target` is replaced; a kill at any moment leaves it as it was or as it is to be, and
    the next call removes what the kill left behind.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    staging, lock = _own_folder(target)
    try:
        yield staging
        if target.exists() and _exchange(staging, target):
            _remove(staging)
        elif target.exists():
            retired = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
            target.replace(retired / target.name)
            staging.replace(target)
            _remove(retired)
        else:
            staging.replace(target)
    except BaseException:
        _remove(staging)
        raise
    finally:
        os.close(lock)


def _own_folder(target: Path) -> tuple[Path, int]:
    """An empty folder beside `target` and the handle that locks it. What others that were killed left there goes.

    The lock of a folder ends with its process, whatever ends that; the lock of their parent is held meanwhile, so that
    nobody finds a folder that is not locked yet.
    """
    prefix = f".{target.name}.unfinished-"
    parent = os.open(target.parent, os.O_RDONLY)
    try:
        lockable = _lock(parent, wait=True)
        for left in target.parent.glob(f"{glob.escape(prefix)}*") if lockable else ():
            handle = os.open(left, os.O_RDONLY)
            if _lock(handle, wait=False):
                _remove(left)
            os.close(handle)
        staging = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix))
        staging.chmod(0o755)
        handle = os.open(staging, os.O_RDONLY)
        _lock(handle, wait=False)
        return staging, handle
    finally:
        os.close(parent)


def _lock(handle: int, wait: bool) -> bool:
    """Lock an open folder until it is closed. False where another has it, or the file system has no such locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step. False where the system or the file system has no such step."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)
