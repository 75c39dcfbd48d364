"""Find items by words of their titles, or by what they are about."""

from __future__ import annotations

import unicodedata

import numpy as np

from promptrec.data.catalogue import Catalogue
from promptrec.recommender import Recommender

MOST_FOUND = 20
MOST_NEAR = 8


class TitleSearch:
    """All titles, folded: case and accents do not matter."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._folded = [_fold(title) for title in catalogue.titles]

    def find(self, text: str, n: int = MOST_FOUND) -> list[tuple[str, str]]:
        """(id, title) of up to `n` items whose title has every word of `text`; those that begin with it come first."""
        whole = _fold(text)
        words = whole.split()
        if not words:
            return []
        rows = [row for row, title in enumerate(self._folded) if all(word in title for word in words)]
        rows.sort(key=lambda row: (not self._folded[row].startswith(whole), len(self._folded[row])))
        return [(self._catalogue.ids[row], self._catalogue.title(row)) for row in rows[:n]]


def nearest(recommender: Recommender, text: str, n: int = MOST_NEAR) -> list[tuple[str, str]]:
    """(id, title) of the `n` items whose texts are nearest in meaning to `text`, in any language of the encoder."""
    catalogue, vectors = recommender.catalogue, recommender.vectors
    meant = recommender.requests.text_encoder.encode([text])[0]
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    rows = np.argsort(-(vectors @ meant) / lengths, kind="stable")[:n].tolist()
    return [(catalogue.ids[row], catalogue.title(row)) for row in rows]


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
