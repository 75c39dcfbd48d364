"""The backbones there are: by name, how each is trained and how each is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from promptrec.backbone import training
from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.factorization import training as factorization
from promptrec.backbone.factorization.backbone import FactorizationBackbone
from promptrec.backbone.interface import Backbone
from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.language.requests import LanguageRequests
from promptrec.backbone.request import RequestEncoder
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.backbone.settings import Settings, Train
from promptrec.backbone.settings_search import search_settings
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.workspace import read_json

DEFAULT_BACKBONE = "sequence"

_TRAINED: dict[str, tuple[Train, Callable[[Split], Settings]]] = {
    "sequence": (training.train_sequence, lambda split: training.suited(split)),
    "factorization": (factorization.train_factorization, factorization.suited),
}
_READ: dict[str, Callable[[Path, Catalogue, Vectors, Others | None], Backbone]] = {
    "sequence": SequenceBackbone.load,
    "factorization": FactorizationBackbone.load,
    "language": LanguageBackbone.load,
}


def train_backbone(
    name: str,
    split: Split,
    catalogue: Catalogue,
    vectors: Vectors,
    seed: int,
    checkpoint: Checkpoint,
    search: int = 0,
    others: Others | None = None,
    members: int = 1,
) -> tuple[Backbone, dict[str, Any]]:
    """The trained, frozen backbone of a name, and what its card says; with `search`, the best of so many settings.

    members: how many networks are trained, whose mean is the model. Raises PromptrecError for an unknown name.
    """
    train, suited = _TRAINED[_known(name, "--backbone")]
    settings = replace(suited(split), members=members)
    if search:
        own = checkpoint.of(members=members)
        return search_settings(train, settings, search, split, catalogue, vectors, seed, own, others)
    return train(split, catalogue, vectors, seed, settings, checkpoint, others)


def load_backbone(folder: Path, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> Backbone:
    """Read the backbone saved in a folder, of whichever kind. Raises PromptrecError where it cannot be read."""
    config = folder / "config.json"
    kind = str(read_json(config, "backbone config").get("backbone", DEFAULT_BACKBONE))
    return _READ[_known(kind, f"{config}: backbone")](folder, catalogue, vectors, others)


def load_requests(folder: Path, backbone: Backbone, encoder: TextEncoder) -> RequestEncoder:
    """What turns requests into prompts for a backbone that was read from the folder."""
    if isinstance(backbone, LanguageBackbone):
        return LanguageRequests(backbone, encoder)
    return RequestEncoder.load(folder, backbone, encoder)


def _known(name: str, where: str) -> str:
    if name not in _READ:
        raise PromptrecError(f"{where}: expected one of {', '.join(_READ)}, found {name!r}")
    return name
