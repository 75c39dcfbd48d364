"""One saved version of a prompt: `card.json`, `card.md`, `prompt.safetensors`, and hashes that show any change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.errors import PromptrecError
from promptrec.prompt.card import markdown
from promptrec.prompt.prompt import Prompt
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

CARD = "card.json"
TENSORS = "prompt.safetensors"
MOST_BYTES = 20_480

Reference = tuple[str, int, float]  # name, version, weight


def write_folder(folder: Path, prompt: Prompt, files: Mapping[str, bytes]) -> None:
    """Write a version into an existing folder. Raises PromptrecError over 20 KB of tensors."""
    save_file({name: tensor.contiguous() for name, tensor in prompt.tensors.items()}, folder / TENSORS)
    size = (folder / TENSORS).stat().st_size
    if size > MOST_BYTES:
        raise PromptrecError(f"prompt {prompt.name!r}: {size:,} bytes, at most {MOST_BYTES:,} are allowed")
    for name, content in files.items():
        (folder / name).write_bytes(content)
    card: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": prompt.name,
        "version": prompt.version,
        "kind": prompt.kind,
        "words": prompt.words,
        "backbone": prompt.backbone,
        "request_encoder": prompt.request_encoder,
        "recipe": dict(prompt.recipe),
        "card": dict(prompt.card),
        "bytes": size,
        "tensors": {name: list(tensor.shape) for name, tensor in prompt.tensors.items()},
        "parts": [{"name": p.name, "version": p.version, "weight": weight} for p, weight in prompt.parts],
    }
    hashes = {name: _sha256((folder / name).read_bytes()) for name in (TENSORS, *files)}
    write_json(folder / CARD, {**card, "hashes": {**hashes, "card": _card_hash(card)}})
    (folder / "card.md").write_text(markdown(card), encoding="utf-8")


def read_folder(folder: Path) -> tuple[Prompt, list[Reference]]:
    """A version's prompt, without its parts, and the parts it needs.

    Raises PromptrecError, naming the file or tensor, where one is missing, broken or not what was saved.
    """
    document = read_json(folder / CARD, "prompt card")
    card = {key: value for key, value in document.items() if key != "hashes"}
    try:
        tensors = load_file(folder / TENSORS)
    except (SafetensorError, OSError) as error:
        raise PromptrecError(
            f"{folder / TENSORS}: the prompt cannot be read ({error}); restore it or make it again"
        ) from None
    for name, shape in card.get("tensors", {}).items():
        found = list(tensors[name].shape) if name in tensors else "none"
        if found != shape:
            raise PromptrecError(f"{folder / TENSORS}: tensor {name!r} of shape {shape} is expected, found {found}")
    for name, expected in document.get("hashes", {}).items():
        file = folder / (CARD if name == "card" else name)
        if (_card_hash(card) if name == "card" else _sha256(_bytes(file))) != expected:
            raise PromptrecError(f"{file}: it was changed after it was saved (SHA-256); restore it or make it again")
    prompt = Prompt(
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
    return prompt, [(part["name"], part["version"], part["weight"]) for part in card.get("parts", [])]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise PromptrecError(f"{file}: it cannot be read ({error}); restore it or make the prompt again") from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _card_hash(card: Mapping[str, Any]) -> str:
    return _sha256(json.dumps(card, ensure_ascii=False, sort_keys=True).encode())
