"""The attribute words of items as the network reads them: a few numbers an item instead of a column a word."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from promptrec.data.catalogue import Catalogue

MOST_WORDS = 1_024
FEWEST_ITEMS = 5
MOST_OF_AN_ITEM = 16

Word = tuple[str, str]  # attribute, word


class WordsOfItems(NamedTuple):
    """rows (n, m) of each item's words, the number of all words where there is none; weights (n, m), of length one over
    an item's words."""

    rows: torch.Tensor
    weights: torch.Tensor


@dataclass(frozen=True)
class ItemWords:
    """Fitted on one catalogue, it reads items that come later as well.

    words: those that five items and more carry, the 1,024 that most do. rarity: (words,) log(items / carriers) of each:
    what few items have in common says more of them.
    """

    words: tuple[Word, ...]
    rarity: torch.Tensor

    @classmethod
    def fit(cls, catalogue: Catalogue) -> ItemWords:
        carriers = Counter(word for words in words_of_items(catalogue) for word in words)
        common = [word for word, items in carriers.items() if FEWEST_ITEMS <= items < len(catalogue)]
        common = sorted(common, key=lambda word: (-carriers[word], word))[:MOST_WORDS]
        rarity = np.log(len(catalogue) / np.array([carriers[word] for word in common] or [len(catalogue)]))
        return cls(tuple(common), torch.from_numpy(rarity[: len(common)].astype(np.float32)))

    @classmethod
    def of_list(cls, listed: Sequence[Sequence[Any]]) -> ItemWords:
        """What `listed` gave."""
        return cls(tuple((a, word) for a, word, _ in listed), torch.tensor([rarity for _, _, rarity in listed]))

    def listed(self) -> list[list[Any]]:
        """For a JSON file: attribute, word and rarity of each."""
        rarity = self.rarity.tolist()
        return [[attribute, word, own] for (attribute, word), own in zip(self.words, rarity, strict=True)]

    @property
    def fingerprint(self) -> str:
        """Empty where there are no words: a backbone without them keeps the fingerprint that it had before."""
        return hashlib.sha256(repr(self.listed()).encode()).hexdigest() if self.words else ""

    def of(self, catalogue: Catalogue) -> WordsOfItems:
        """Of an item with more than 16 words the rarest count."""
        place = {word: row for row, word in enumerate(self.words)}
        rarity = self.rarity.numpy()
        known = [
            sorted((place[word] for word in words if word in place), reverse=True)
            for words in words_of_items(catalogue)
        ]
        most = max(1, min(MOST_OF_AN_ITEM, max(map(len, known))))
        rows = np.full((len(known), most), len(self.words), dtype=np.int64)
        for row, own in enumerate(known):  # the rarest have the highest places
            rows[row, : len(own[:most])] = own[:most]
        weights = np.append(rarity, 0.0)[rows]
        lengths = np.linalg.norm(weights, axis=1, keepdims=True)
        weights = (weights / np.maximum(lengths, 1e-9)).astype(np.float32)
        return WordsOfItems(torch.from_numpy(rows), torch.from_numpy(weights))


NO_WORDS = ItemWords((), torch.empty(0))


def words_of_items(catalogue: Catalogue) -> list[list[Word]]:
    """The attribute words of each item, each once."""
    found: list[list[Word]] = [[] for _ in range(len(catalogue))]
    for attribute in catalogue.word_attributes:
        for own, words in zip(found, catalogue.words_of(attribute), strict=True):
            own.extend((attribute, word) for word in dict.fromkeys(words))
    return found
