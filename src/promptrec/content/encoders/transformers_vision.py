"""Any vision model that transformers loads, prepared as its folder says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from promptrec.content.encoder import EncoderKind, Vectors
from promptrec.content.pictures import picture_of
from promptrec.models.finding import find
from promptrec.models.library import transformers

BATCH = 16


class TransformersVisionEncoder:
    """name: a folder or a name at huggingface.co. Of a model of pictures and words (CLIP) the half that sees."""

    def __init__(self, name: str) -> None:
        library = transformers("this encoder", "content")
        folder = find(name, download=True)
        self.name = f"transformers {name}"
        self._prepare = library.AutoImageProcessor.from_pretrained(folder)
        model = library.AutoModel.from_pretrained(folder)
        self._model = getattr(model, "vision_model", model).eval().requires_grad_(False)
        self.width = int(self._model.config.hidden_size)

    def encode(self, files: Sequence[bytes]) -> Vectors:
        vectors = np.zeros((len(files), self.width), dtype=np.float32)
        for start in range(0, len(files), BATCH):
            pictures = [picture_of(file) for file in files[start : start + BATCH]]
            read = [i for i, picture in enumerate(pictures) if picture is not None]
            if read:
                inputs = self._prepare([pictures[i] for i in read], return_tensors="pt")
                with torch.inference_mode():
                    pooled = _pooled(self._model(pixel_values=inputs["pixel_values"]))
                vectors[[start + i for i in read]] = F.normalize(pooled, dim=-1).numpy()
        return vectors


def _pooled(output: Any) -> torch.Tensor:
    """(n, width): what the model pools itself, else the mean over positions."""
    pooled = getattr(output, "pooler_output", None)
    if pooled is None:
        pooled = output.last_hidden_state.flatten(2).mean(-1) if output.last_hidden_state.ndim == 4 else None
    if pooled is None:
        pooled = output.last_hidden_state.mean(dim=1)
    return torch.as_tensor(pooled).flatten(1).float()


KIND = EncoderKind("transformers-vision", "image", TransformersVisionEncoder)
