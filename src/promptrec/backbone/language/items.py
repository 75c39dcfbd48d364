"""What the model makes of items' texts, read once and kept beside the backbone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from promptrec.backbone.language.model import LanguageModel
from promptrec.content.cache import encode_cached
from promptrec.content.encoder import Vectors

ITEM_TOKENS = 256


class PassageEncoder:
    """The model as an encoder of items' texts."""

    def __init__(self, model: LanguageModel) -> None:
        self.model = model
        self.width = model.width
        self.name = f"language-{model.hash}-{ITEM_TOKENS}"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, width) vectors of length one; zeros for a text without words."""
        ids = [self.model.ids(text, ITEM_TOKENS) for text in texts]
        with torch.inference_mode():
            found = self.model.read([[*self.model.passage_prefix, *own] if own else [] for own in ids])
        vectors: Vectors = found.cpu().numpy()
        return vectors


class ItemTexts:
    """Vectors by text: those that are known, and those that the model still has to read."""

    def __init__(self, model: LanguageModel, file: Path) -> None:
        """file: where vectors that were computed before are found, and new ones are added."""
        self.encoder = PassageEncoder(model)
        self.file = file
        self._known: dict[str, Vectors] = {}

    def save(self, folder: Path) -> None:
        """Write what is known into a folder, from which `ItemTexts` reads it as `items.safetensors`."""
        if self.file.exists() and self.file.parent != folder:
            shutil.copy(self.file, folder / "items.safetensors")

    def vectors(self, texts: Sequence[str]) -> torch.Tensor:
        """(n, width) as the model gives them."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, encode_cached(new, self.encoder, self.file), strict=True))
        found = torch.from_numpy(np.stack([self._known[text] for text in texts]))
        return found.to(self.encoder.model.words.weight.device)
