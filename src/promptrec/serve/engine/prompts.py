"""The prompts of one release: read and checked once, the same for every call that the release answers."""

from __future__ import annotations

import os
from pathlib import Path

from promptrec.prompt.library import COLD, PromptLibrary
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.slots import has_slots
from promptrec.serve.metrics import CACHE
from promptrec.workspace import read_json

State = dict[str, tuple[int, ...]]
FOUND, MISSED = CACHE.labels("prompts", "hit"), CACHE.labels("prompts", "miss")


class LoadedPrompts(PromptLibrary):
    """A library as it was at one moment; prompts that `before` has read and that did not change are taken over."""

    def __init__(self, folder: Path, before: LoadedPrompts | None = None) -> None:
        super().__init__(folder)
        self.state = state(folder)
        self._known: dict[tuple[str, int], Prompt] = {}
        self._active: dict[str, int] = {}
        self.changed: list[str] = []  # names that were read here, not taken over
        cold = folder / COLD
        self._cold = read_json(cold, "cold prompt") if cold.exists() else None
        for name in self.names():
            if before is not None and before.state.get(name) == self.state.get(name) and name in before._active:
                self._active[name] = before._active[name]
                self._known.update({key: prompt for key, prompt in before._known.items() if key[0] == name})
            elif self._numbers(name):
                self._active[name] = super().active(name)
                self.load(name)
                self.changed.append(name)
        texts = ((name, self._known[name, version]) for name, version in self._active.items())
        #: names of texts that are worded, and so encoded, for each history
        self.slotted = frozenset(name for name, one in texts if one.kind == "text" and has_slots(one.words))

    @property
    def versions_in_use(self) -> dict[str, int]:
        """The version that each name resolves to."""
        return dict(self._active)

    def active(self, name: str) -> int:
        return self._active[name] if name in self._active else super().active(name)

    def load(self, name: str, version: int | None = None) -> Prompt:
        key = (name, self.active(name) if version is None else version)
        found = self._known.get(key)
        (MISSED if found is None else FOUND).inc()
        if found is None:
            found = super().load(*key)
            if found.kind != "mix":
                # A low-rank prompt becomes keys and values here, not at every call.
                found = found.flat()[0][0]
            self._known[key] = found
        return found

    def cold_prompt(self, events: int) -> Prompt | None:
        if self._cold is None or events >= self._cold["below"]:
            return None
        return self.load(self._cold["name"])


def state(folder: Path) -> State:
    """Changes whenever a version is saved, activated or deleted."""
    if not folder.is_dir():
        return {}
    found: State = {}
    with os.scandir(folder) as children:
        for child in children:
            if child.name == COLD or (not child.name.startswith(".") and child.is_dir()):
                about = child.stat()
                found[child.name] = (about.st_ino, about.st_mtime_ns)
    return found
