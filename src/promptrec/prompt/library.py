"""Saved prompts: immutable versioned folders `NAME/VERSION/`, and which version a name resolves to."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.workspace import SCHEMA_VERSION, new_folder, read_json, write_json

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST_BYTES = 20_480


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
        found = [int(child.name) for child in (self.folder / name).glob("[0-9]*") if child.name.isdigit()]
        if not found:
            there = ", ".join(self.names()) or "none yet"
            raise NotFoundError(f"prompt {name!r} is not in this workspace; there are: {there}")
        return sorted(found)

    def active(self, name: str) -> int:
        """The version that `name` resolves to: the activated one, else the newest."""
        versions = self.versions(name)
        pointer = self.folder / name / "active.json"
        if not pointer.exists():
            return versions[-1]
        version = read_json(pointer, "active version").get("version")
        return int(version) if version in versions else versions[-1]

    def save(self, prompt: Prompt) -> Prompt:
        """Save as the next version of its name and return it with that version. Raises PromptrecError over 20 KB."""
        check_name(prompt.name)
        folder = self.folder / prompt.name
        versions = [int(child.name) for child in folder.glob("[0-9]*") if child.name.isdigit()]
        saved = replace(prompt, version=max(versions, default=0) + 1)
        with new_folder(folder / str(saved.version)) as staging:
            save_file(dict(saved.tensors), staging / "prompt.safetensors")
            size = (staging / "prompt.safetensors").stat().st_size
            if size > MOST_BYTES:
                raise PromptrecError(f"prompt {prompt.name!r}: {size:,} bytes, at most {MOST_BYTES:,} are allowed")
            write_json(
                staging / "card.json",
                {
                    "schema_version": SCHEMA_VERSION,
                    "name": saved.name,
                    "version": saved.version,
                    "kind": saved.kind,
                    "words": saved.words,
                    "backbone": saved.backbone,
                    "request_encoder": saved.request_encoder,
                    "recipe": dict(saved.recipe),
                    "card": dict(saved.card),
                    "bytes": size,
                },
            )
        return saved

    def load(self, name: str, version: int | None = None) -> Prompt:
        """Read a saved prompt. Raises NotFoundError for an unknown one and PromptrecError for a broken file."""
        if version is None:
            version = self.active(name)
        elif version not in self.versions(name):
            raise NotFoundError(f"prompt {name!r} has no version {version}; it has {self.versions(name)}")
        folder = self.folder / name / str(version)
        card = read_json(folder / "card.json", "prompt card")
        try:
            tensors = load_file(folder / "prompt.safetensors")
        except (SafetensorError, OSError) as error:
            raise PromptrecError(
                f"{folder / 'prompt.safetensors'}: the prompt cannot be read ({error}); restore it or tune it again"
            ) from None
        return Prompt(
            name=card["name"],
            kind=card["kind"],
            words=card["words"],
            backbone=card["backbone"],
            tensors=tensors,
            version=card["version"],
            request_encoder=card["request_encoder"],
            recipe=card["recipe"],
            card=card["card"],
        )

    def describe(self) -> list[dict[str, Any]]:
        """One line a saved version, with `active` for the one its name resolves to."""
        return [
            {**read_json(self.folder / name / str(version) / "card.json", "prompt card"), "active": version == active}
            for name in self.names()
            for active in [self.active(name)]
            for version in self.versions(name)
        ]

    def activate(self, name: str, version: int) -> None:
        """Let `name` resolve to `version`, in one atomic step."""
        if version not in self.versions(name):
            raise NotFoundError(f"prompt {name!r} has no version {version}; it has {self.versions(name)}")
        write_json(self.folder / name / "active.json", {"schema_version": SCHEMA_VERSION, "version": version})

    def delete(self, name: str) -> None:
        """Remove a name with all its versions."""
        self.versions(name)
        shutil.rmtree(self.folder / name)


def check_name(name: str) -> None:
    """Raise PromptrecError unless `name` can be a folder's name and nothing else."""
    if not NAME.fullmatch(name):
        raise PromptrecError(
            f"prompt name {name!r}: expected up to 64 lower-case letters, digits, '-' and '_', beginning with a letter "
            "or a digit"
        )
