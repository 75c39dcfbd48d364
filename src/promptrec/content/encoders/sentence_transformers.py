"""Any model of the sentence-transformers library, pooled as its folder says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from promptrec.content.encoder import EncoderKind, Vectors
from promptrec.errors import PromptrecError
from promptrec.models.finding import find


class SentenceTransformersEncoder:
    """name: a folder, a packaged model that was fetched, or a name at huggingface.co."""

    def __init__(self, name: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise PromptrecError(
                "sentence-transformers: this encoder needs its library; pip install 'promptrec[content]'"
            ) from None
        self.name = f"sentence-transformers {name}"
        self._model = SentenceTransformer(str(find(name, download=True)))
        self.width = int(self._model.get_embedding_dimension() or 0)

    def encode(self, texts: Sequence[str]) -> Vectors:
        found = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        vectors: Vectors = np.asarray(found, dtype=np.float32)
        vectors[[not text.strip() for text in texts]] = 0
        return vectors


KIND = EncoderKind("sentence-transformers", "text", SentenceTransformersEncoder)
