"""The vectors of a catalogue's items: of their texts, and of the files that they have in other modalities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from promptrec.content.cache import encode_cached
from promptrec.content.encoder import FileEncoder, TextEncoder, Vectors
from promptrec.content.kinds import TEXT, load_file_encoder
from promptrec.data.catalogue import Catalogue
from promptrec.progress import say

Others = Mapping[str, Vectors]
"""Vectors (n, width) of the modalities besides text, by name; a row of zeros is an item that has none."""


TEXTS_APART = ("title", "description")
"""Where items have both, each is among the others as well: no network learns from them, but new items are placed by
them (`backbone/placement.py`), since a likeness of titles says something else than one of descriptions."""


def learnt(others: Others | None) -> dict[str, Vectors]:
    """Those that networks learn from."""
    return {name: own for name, own in (others or {}).items() if name not in TEXTS_APART}


@dataclass(frozen=True)
class Content:
    text: Vectors
    others: Others


def encode_content(
    folder: Path,
    catalogue: Catalogue,
    specs: Mapping[str, str],
    text_encoder: TextEncoder,
    only: Sequence[str] | None = None,
) -> Content:
    """The content of a dataset's catalogue; what is there already is read from the folder.

    folder: the dataset's. specs: the encoder of each modality. only: what is taken besides text; else titles and
    descriptions apart, where items have both, and all modalities of which at least one item has a file that can be
    read. Files that are missing or broken are counted in a warning, and their items have zeros.
    """
    text = encode_cached(catalogue.texts, text_encoder, vectors_file(folder, specs[TEXT]))
    others = {
        name: _of_texts(texts, text_encoder, vectors_file(folder, specs[TEXT], f"{name}s"))
        for name, texts in catalogue.texts_apart.items()
        if only is None or name in only
    }
    for modality, spec in specs.items():
        if modality == TEXT or modality not in catalogue.items.columns or (only is not None and modality not in only):
            continue
        vectors = _of_files(folder, catalogue.items[modality].to_list(), modality, spec)
        if vectors is not None:
            others[modality] = vectors
    return Content(text, others)


def _of_texts(texts: Sequence[str | None], encoder: TextEncoder, file: Path) -> Vectors:
    """(n, w), zeros where there is no text."""
    there = [row for row, text in enumerate(texts) if text]
    vectors = np.zeros((len(texts), encoder.width), dtype=np.float32)
    vectors[there] = encode_cached([str(texts[row]) for row in there], encoder, file)
    return vectors


def vectors_file(folder: Path, spec: str, stem: str = "vectors") -> Path:
    """Where the vectors of one encoder lie; those of the offline text encoder have no name of their own."""
    own = "" if spec == "offline" else "-" + re.sub(r"[^A-Za-z0-9.]+", "-", spec).strip("-")
    return folder / f"{stem}{own}.safetensors"


def _of_files(folder: Path, names: Sequence[str | None], modality: str, spec: str) -> Vectors | None:
    """None where no item has a file that can be read."""
    named = [row for row, name in enumerate(names) if name]
    there = [row for row in named if _inside(folder, str(names[row]))]
    if not there:
        if named:
            say(f"{modality}: none of the {len(named):,} files that items name is in the dataset; items go without")
        return None
    encoder = _Files(folder, load_file_encoder(spec))
    found = encode_cached([str(names[row]) for row in there], encoder, vectors_file(folder, spec), f"{modality} files")
    vectors = np.zeros((len(names), found.shape[1]), dtype=np.float32)
    vectors[there] = found
    readable = int(found.any(axis=1).sum())
    if readable < len(named):
        say(
            f"{modality}: {len(named) - len(there):,} files are missing and {len(there) - readable:,} cannot be read, "
            f"of {len(named):,}; their items go without"
        )
    return vectors if readable else None


def _inside(folder: Path, name: str) -> bool:
    """Whether a name is that of a file in the dataset's folder, and nowhere else."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()


class _Files:
    """A file encoder as one of names. A dataset names its files by their content: a name's vector never changes."""

    def __init__(self, folder: Path, encoder: FileEncoder) -> None:
        self._folder = folder
        self._encoder = encoder
        self.name, self.width = encoder.name, encoder.width

    def encode(self, names: Sequence[str]) -> Vectors:
        return self._encoder.encode([(self._folder / name).read_bytes() for name in names])
