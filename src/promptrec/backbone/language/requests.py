"""A request of the language backbone is its words: the model itself reads them, before the history."""

from __future__ import annotations

from pathlib import Path

import torch

from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.qualities import Qualities
from promptrec.backbone.request import RequestEncoder
from promptrec.content.encoder import TextEncoder


class LanguageRequests(RequestEncoder):
    """Words to a text prompt that holds their tokens; nothing is fitted and nothing saved."""

    backbone: LanguageBackbone

    def __init__(self, backbone: LanguageBackbone, text_encoder: TextEncoder) -> None:
        self.network = backbone.network
        self.text_encoder = text_encoder
        self.backbone = backbone
        self.fingerprint = backbone.fingerprint
        self.qualities = Qualities()

    def tensors(self, request: str) -> dict[str, torch.Tensor]:
        return {"words": torch.tensor(self.backbone.model.ids(request), dtype=torch.int64)}

    def save(self, folder: Path) -> None:
        """Nothing: the backbone is all there is."""
