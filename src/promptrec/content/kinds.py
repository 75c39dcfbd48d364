"""The encoders there are: every file of `content/encoders` with a KIND. One more kind or modality is one more file."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from promptrec.content import encoders
from promptrec.content.encoder import EncoderKind, FileEncoder, TextEncoder
from promptrec.errors import PromptrecError

TEXT = "text"


def kinds() -> dict[str, EncoderKind]:
    """All kinds by name."""
    modules = [import_module(f"{encoders.__name__}.{found.name}") for found in pkgutil.iter_modules(encoders.__path__)]
    return {module.KIND.name: module.KIND for module in modules}


def chosen(given: Iterable[str] = ()) -> dict[str, str]:
    """Which encoder makes the vectors of each modality: those given, as KIND or KIND:NAME, else the defaults.

    Raises PromptrecError for an unknown kind.
    """
    found = {kind.modality: kind.name for kind in kinds().values() if kind.default}
    return found | {_kind(spec).modality: spec for spec in given}


def load_text_encoder(specs: Mapping[str, str]) -> TextEncoder:
    """The text encoder among the chosen."""
    encoder: TextEncoder = _load(specs[TEXT])
    return encoder


def load_file_encoder(spec: str) -> FileEncoder:
    encoder: FileEncoder = _load(spec)
    return encoder


def _load(spec: str) -> Any:
    return _kind(spec).load(spec.partition(":")[2])


def _kind(spec: str) -> EncoderKind:
    name, _, of = spec.partition(":")
    known = kinds()
    if name not in known:
        raise PromptrecError(f"--encoder: expected one of {', '.join(known)}, found {spec!r}")
    if not of and not known[name].default:
        raise PromptrecError(f"--encoder: {name} needs a model, as {name}:FOLDER or {name}:NAME")
    return known[name]
