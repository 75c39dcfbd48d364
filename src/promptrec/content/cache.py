"""Item vectors on disk: each content is encoded once, whatever else changes around it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.errors import PromptrecError
from promptrec.mapped import Array, read_mapped
from promptrec.progress import progress

BATCH = 256
SAVED_EVERY = 60.0  # seconds; longer where writing takes more than a twentieth of the time


def encode_cached(texts: Sequence[str], encoder: TextEncoder, file: Path, what: str = "texts") -> Vectors:
    """(n, width) vectors of `texts`, from `file` where it has them and from `encoder` where it does not.

    The file holds one vector per text, found by the hash of encoder name and text. It is written now and then, so that
    after a kill the rest alone is encoded. Raises PromptrecError when the file is broken.

    Where the file holds these texts, in this order, and nothing else, as it does after the first training on texts that
    all differ, its vectors are mapped, not read: two gigabytes at a million items.
    """
    keys = [hashlib.sha256(f"{encoder.name}\0{text}".encode()).digest() for text in texts]
    held = _read(file)
    if held is not None and held["hashes"].tobytes() == b"".join(keys):
        return held["vectors"]
    known = {} if held is None else _by_hash(held)
    missing = list({key: text for key, text in zip(keys, texts, strict=True) if key not in known}.items())
    if missing:
        batches = range(0, len(missing), BATCH)
        wait, saved = SAVED_EVERY, time.monotonic()
        for start in progress(batches, f"encoding {len(missing):,} {what}", len(batches)):
            batch = missing[start : start + BATCH]
            vectors = encoder.encode([text for _, text in batch])
            known.update(zip((key for key, _ in batch), vectors, strict=True))
            if time.monotonic() - saved > wait:
                began = time.monotonic()
                _write(file, known)
                saved = time.monotonic()
                wait = max(SAVED_EVERY, 20 * (saved - began))
        _write(file, known)
    return np.stack([known[key] for key in keys])


def _read(file: Path) -> dict[str, Array] | None:
    """The file's hashes (n, 32) and vectors (n, width); None where there is no file."""
    if not file.exists():
        return None
    try:
        saved = read_mapped(file)
        return {name: saved[name] for name in ("hashes", "vectors")}
    except (ValueError, KeyError, OSError) as error:
        raise PromptrecError(f"{file}: the content vectors cannot be read ({error}); delete the file") from None


def _by_hash(held: Mapping[str, Array]) -> dict[bytes, Vectors]:
    return {row.tobytes(): vector for row, vector in zip(held["hashes"], held["vectors"], strict=True)}


def _write(file: Path, known: dict[bytes, Vectors]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    hashes = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(-1, 32)
    save_file({"hashes": hashes.copy(), "vectors": np.stack(list(known.values()))}, temporary)
    temporary.replace(file)
