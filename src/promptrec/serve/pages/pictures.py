"""Pictures of items: files inside the dataset, which imports put there."""

from __future__ import annotations

from pathlib import Path

from promptrec.data.catalogue import Catalogue

ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif"}


def picture_of(catalogue: Catalogue, row: int, dataset: Path) -> Path | None:
    """The file that an item names, None where it names none, none is there, it is no picture, or it lies elsewhere."""
    name = catalogue.describe(row).get("image")
    if not isinstance(name, str) or Path(name).suffix.lower() not in ENDINGS or "\x00" in name:
        return None
    file = (dataset / name).resolve()
    inside = file.is_relative_to(dataset.resolve())
    return file if inside and file.is_file() else None
