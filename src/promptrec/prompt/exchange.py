"""Prompts between workspaces: `export` writes a zip file of version folders, `import` checks and takes them in."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.folder import CARD, TENSORS, read_folder
from promptrec.prompt.library import NAME, PromptLibrary
from promptrec.prompt.prompt import Prompt

MOST_BYTES = 64 * 1024 * 1024
NEVER_COPIED = (CARD, TENSORS, "card.md")

Place = tuple[str, int]


def export_prompts(library: PromptLibrary, names: list[str], file: Path) -> list[str]:
    """Write the active versions of `names`, and what they are made of, into a zip file; returns `name/version` of each.

    Raises NotFoundError for an unknown name.
    """
    places: list[Place] = []
    for name in names:
        _collect(library, (name, library.active(name)), places)
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, version in places:
            for path in sorted(library.place(name, version).iterdir()):
                archive.write(path, f"{name}/{version}/{path.name}")
    return [f"{name}/{version}" for name, version in places]


def _collect(library: PromptLibrary, place: Place, places: list[Place]) -> None:
    for part in library.card(*place).get("parts", []):
        _collect(library, (part["name"], part["version"]), places)
    if place not in places:
        places.append(place)


def import_prompts(library: PromptLibrary, source: Path, backbone: str) -> list[Prompt]:
    """Save the prompts of a zip file, or of a folder that lies as it does, as the next versions of their names.

    backbone: the fingerprint that they must have been made for. Everything is checked before anything is saved. Raises
    PromptrecError, naming it, for another backbone, an altered file, a missing tensor or part, or no prompts.
    """
    with tempfile.TemporaryDirectory() as unpacked:
        root = source if source.is_dir() else _unpack(source, Path(unpacked))
        folders = [card.parent for card in sorted(root.glob(f"*/*/{CARD}")) if NAME.fullmatch(card.parent.parent.name)]
        read = {(folder.parent.name, folder.name): (folder, *read_folder(folder)) for folder in folders}
        if not read:
            raise PromptrecError(
                f"{source}: there are no prompts in it; expected what `promptrec prompts export` wrote"
            )
        for (name, version), (folder, prompt, parts) in read.items():
            if (prompt.name, str(prompt.version)) != (name, version):
                raise PromptrecError(f"{folder}: its card is of {prompt.name!r} version {prompt.version}; restore it")
            if prompt.backbone != backbone:
                raise PromptrecError(
                    f"{source}: prompt {name!r} was made for backbone {prompt.backbone[:12]}, this workspace has "
                    f"{backbone[:12]}; tune it here from its recipe"
                )
            for part, number, _ in parts:
                if (part, str(number)) not in read:
                    raise NotFoundError(
                        f"{source}: prompt {name!r} needs {part!r} version {number}, which is not in it"
                    )
        saved: dict[tuple[str, str], Prompt] = {}
        while len(saved) < len(read):
            waiting = {key: found for key, found in read.items() if key not in saved}
            ready = [key for key, (_, _, parts) in waiting.items() if all((p, str(v)) in saved for p, v, _ in parts)]
            if not ready:
                raise PromptrecError(
                    f"{source}: prompts that are parts of each other: {', '.join(n for n, _ in waiting)}"
                )
            for key in sorted(ready):
                folder, prompt, parts = read[key]
                own = tuple((saved[part, str(number)], weight) for part, number, weight in parts)
                files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name not in NEVER_COPIED}
                saved[key] = library.save(replace(prompt, parts=own), files)
    return list(saved.values())


def _unpack(file: Path, into: Path) -> Path:
    try:
        with zipfile.ZipFile(file) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > MOST_BYTES:
                raise PromptrecError(f"{file}: {size:,} bytes unpacked, at most {MOST_BYTES:,} are read")
            archive.extractall(into)
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise PromptrecError(f"{file}: the prompts cannot be read ({error}); export them again") from None
    return into
