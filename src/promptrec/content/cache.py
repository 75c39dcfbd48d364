"""Item vectors on disk: each content is encoded once, whatever else changes around it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.errors import PromptrecError
from promptrec.progress import progress

BATCH = 256
SAVED_EVERY = 60.0  # seconds; longer where writing takes more than a twentieth of the time


def encode_cached(texts: Sequence[str], encoder: TextEncoder, file: Path, what: str = "texts") -> Vectors:
    """(n, width) vectors of `texts`, from `file` where it has them and from `encoder` where it does not.

    The file holds one vector per text, found by the hash of encoder name and text. It is written now and then, so that
    after a kill the rest alone is encoded. Raises PromptrecError when the file is broken.
    """
    keys = [hashlib.sha256(f"{encoder.name}\0{text}".encode()).digest() for text in texts]
    known = _read(file)
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


def _read(file: Path) -> dict[bytes, Vectors]:
    if not file.exists():
        return {}
    try:
        saved = load_file(file)
        return {row.tobytes(): vector for row, vector in zip(saved["hashes"], saved["vectors"], strict=True)}
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise PromptrecError(f"{file}: the content vectors cannot be read ({error}); delete the file") from None


def _write(file: Path, known: dict[bytes, Vectors]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".new")
    hashes = np.frombuffer(b"".join(known), dtype=np.uint8).reshape(-1, 32)
    save_file({"hashes": hashes.copy(), "vectors": np.stack(list(known.values()))}, temporary)
    temporary.replace(file)
