"""Any text model that transformers loads: the mean of its last hidden states over a text's tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

from promptrec.content.encoder import EncoderKind, Vectors
from promptrec.models.finding import find
from promptrec.models.library import transformers

LONGEST = 256  # tokens of a text that are read
BATCH = 32


class TransformersTextEncoder:
    """name: a folder, a packaged model that was fetched, or a name at huggingface.co."""

    def __init__(self, name: str) -> None:
        library = transformers("this encoder", "content")
        folder = find(name, download=True)
        self.name = f"transformers {name}"
        self._tokenizer = library.AutoTokenizer.from_pretrained(folder)
        self._model = library.AutoModel.from_pretrained(folder).eval().requires_grad_(False)
        self.width = int(self._model.config.hidden_size)

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        filled = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: len(texts[i]))
        for start in range(0, len(filled), BATCH):
            some = filled[start : start + BATCH]
            tokens = self._tokenizer(
                [texts[i] for i in some], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"
            )
            with torch.inference_mode():
                states = self._model(**tokens).last_hidden_state
                mask = tokens["attention_mask"][..., None]
                vectors[some] = F.normalize((states * mask).sum(dim=1) / mask.sum(dim=1), dim=-1).numpy()
        return vectors


KIND = EncoderKind("transformers-text", "text", TransformersTextEncoder)
