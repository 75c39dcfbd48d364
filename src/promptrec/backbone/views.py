"""The ways to look at an item that is placed: vectors of its texts and files, and of its attribute words."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
from scipy import sparse

from promptrec.backbone.item_words import words_of_items
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.content.kinds import TEXT
from promptrec.data.catalogue import Catalogue, Rows

ATTRIBUTES = "attributes"
WORD_WIDTH = 512
FEWEST_CARRIERS = 2


def views_of(catalogue: Catalogue, vectors: Vectors, others: Others | None, trained: Rows) -> dict[str, Vectors]:
    """(n, w) of all items by view, zeros where an item lacks it. trained: rows that say how usual words are."""
    words = word_vectors(catalogue, trained)
    return {TEXT: vectors, **(others or {})} | ({} if words is None else {ATTRIBUTES: words})


def word_vectors(catalogue: Catalogue, trained: Rows) -> Vectors | None:
    """(n, 512): for each item the sum of its words' directions, each as long as the word is rare among the trained
    items (log of their number over its carriers). None where they share no words.

    A word's direction is drawn by the word itself, so that those of two words are nearly square to each other: the
    cosine of two items is that of their words, give or take .04, and no vocabulary has to be kept (random indexing,
    Kanerva 2000).
    """
    carried = words_of_items(catalogue)
    carriers = Counter(word for row in trained.tolist() for word in carried[row])
    column = {word: place for place, word in enumerate(w for w, n in carriers.items() if n >= FEWEST_CARRIERS)}
    pairs = [(row, column[word]) for row, words in enumerate(carried) for word in words if word in column]
    if not pairs:
        return None
    rows, columns = (np.array(own) for own in zip(*pairs, strict=True))
    rare = np.log(len(trained) / np.array([carriers[word] for word in column]), dtype=np.float32)
    items = sparse.csr_matrix((rare[columns], (rows, columns)), (len(catalogue), len(column)))
    summed: Vectors = items @ np.stack([_direction(*word) for word in column])
    return summed


def _direction(attribute: str, word: str) -> Vectors:
    digest = hashlib.sha256(f"{attribute}\0{word}".encode()).digest()
    bits = np.unpackbits(np.frombuffer(digest + hashlib.sha256(digest).digest(), dtype=np.uint8))
    return (bits.astype(np.float32) * 2 - 1) / np.float32(WORD_WIDTH**0.5)
