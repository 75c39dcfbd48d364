"""Saved prompts: immutable versioned folders `NAME/VERSION/`, and which version a name resolves to."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.folder import CARD, read_folder, write_folder
from promptrec.prompt.prompt import Prompt
from promptrec.workspace import SCHEMA_VERSION, new_folder, read_json, write_json

COLD = "cold.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class PromptLibrary:
    """The prompts of one workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        if not self.folder.is_dir():
            return []
        return sorted(child.name for child in self.folder.iterdir() if NAME.fullmatch(child.name) and child.is_dir())

    def versions(self, name: str) -> list[int]:
        """The saved versions of a name, oldest first. Raises NotFoundError for an unknown name."""
        check_name(name)
        found = self._numbers(name)
        if not found:
            there = ", ".join(self.names()) or "none yet"
            raise NotFoundError(f"prompt {name!r} is not in this workspace; there are: {there}")
        return found

    def _numbers(self, name: str) -> list[int]:
        return sorted(int(child.name) for child in (self.folder / name).glob("[0-9]*") if child.name.isdigit())

    def active(self, name: str) -> int:
        """The version that `name` resolves to: the activated one, else the newest."""
        versions = self.versions(name)
        pointer = self.folder / name / "active.json"
        if not pointer.exists():
            return versions[-1]
        version = read_json(pointer, "active version").get("version")
        return int(version) if version in versions else versions[-1]

    def place(self, name: str, version: int) -> Path:
        """The folder of a version that is there. Raises NotFoundError for another."""
        if version not in self.versions(name):
            raise NotFoundError(f"prompt {name!r} has no version {version}; it has {self.versions(name)}")
        return self.folder / name / str(version)

    def save(self, prompt: Prompt, files: Mapping[str, bytes] | None = None) -> Prompt:
        """Save as the next version of its name and return it with that version. Raises PromptrecError over 20 KB.

        The parts of a mix, and the base of a low-rank prompt, are kept as names and versions and must be saved before.
        files: what else belongs into the version's folder, such as the examples it was tuned on.
        """
        check_name(prompt.name)
        for part, _ in prompt.parts:
            self.place(part.name, part.version)
        saved = replace(prompt, version=max(self._numbers(prompt.name), default=0) + 1)
        with new_folder(self.folder / prompt.name / str(saved.version)) as staging:
            write_folder(staging, saved, files or {})
        self._changed()
        return saved

    def load(self, name: str, version: int | None = None) -> Prompt:
        """Read a saved prompt with its parts. Raises NotFoundError for an unknown one and PromptrecError for a broken
        or altered file.
        """
        prompt, parts = read_folder(self.place(name, self.active(name) if version is None else version))
        return replace(prompt, parts=tuple((self.load(part, number), weight) for part, number, weight in parts))

    def describe(self) -> list[dict[str, Any]]:
        """One card a saved version, with `active` for the one its name resolves to."""
        return [
            {**self.card(name, version), "active": version == active}
            for name in self.names()
            if self._numbers(name)
            for active in [self.active(name)]
            for version in self.versions(name)
        ]

    def card(self, name: str, version: int) -> dict[str, Any]:
        """The card.json of a version."""
        return read_json(self.place(name, version) / CARD, "prompt card")

    def activate(self, name: str, version: int) -> None:
        """Let `name` resolve to `version`, in one atomic step."""
        self.place(name, version)
        write_json(self.folder / name / "active.json", {"schema_version": SCHEMA_VERSION, "version": version})
        self._changed()

    def set_cold(self, name: str | None) -> None:
        """Let people with few events get the profile prompt `name` by itself, or, with None, no prompt."""
        if name is None:
            (self.folder / COLD).unlink(missing_ok=True)
            self._changed()
            return
        card = self.card(name, self.active(name))
        if "profile" not in card["card"]:
            raise PromptrecError(f"prompt {name!r} is a {card['kind']} prompt; make one with `tune NAME --profile`")
        below = card["card"]["profile"]["below"]
        write_json(self.folder / COLD, {"schema_version": SCHEMA_VERSION, "name": name, "below": below})
        self._changed()

    def cold_prompt(self, events: int) -> Prompt | None:
        """What a person with so many events gets who named no prompt, or None."""
        if not (self.folder / COLD).exists():
            return None
        setting = read_json(self.folder / COLD, "cold prompt")
        return self.load(setting["name"]) if events < setting["below"] else None

    def delete(self, name: str) -> None:
        """Remove a name with all its versions. Raises PromptrecError where another prompt is made of one of them."""
        self.versions(name)
        users = {card["name"] for card in self.describe() for part in card.get("parts", []) if part["name"] == name}
        if users - {name}:
            others = ", ".join(sorted(users - {name}))
            raise PromptrecError(f"prompt {name!r} is a part of {others}; delete that first")
        if (self.folder / COLD).exists() and read_json(self.folder / COLD, "cold prompt")["name"] == name:
            raise PromptrecError(f"prompt {name!r} serves people with few events; run `prompts cold --none` first")
        shutil.rmtree(self.folder / name)
        self._changed()

    def _changed(self) -> None:
        """Date the folder, so that a service sees by one look that something within it is new."""
        if self.folder.is_dir():
            now = time.time_ns()  # the file system's own clock may stand still for some milliseconds
            os.utime(self.folder, ns=(now, now))


def check_name(name: str) -> None:
    """Raise PromptrecError unless `name` can be a folder's name and nothing else."""
    if not NAME.fullmatch(name):
        raise PromptrecError(
            f"prompt name {name!r}: expected up to 64 lower-case letters, digits, '-' and '_', beginning with a letter "
            "or a digit"
        )
