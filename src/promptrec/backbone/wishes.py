"""What a request encoder learns from: wishes written from attributes and titles, and the items that fulfil them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.data.catalogue import Catalogue
from promptrec.seeding import generator

PAIRS = 150  # of words, and of a word and a decade, in each language
TITLES = 100
WORD_WISHES = 6_000
FEWEST_ITEMS = 5


@dataclass(frozen=True)
class Wish:
    """text: a request; language: of its wording; fulfilled: (items,) mask."""

    text: str
    language: str
    fulfilled: npt.NDArray[np.bool_]


def nothing_asked(role: str = "train") -> list[str]:
    """Everyday sentences, in English and Chinese, that ask a catalogue for nothing; of a role, train or validation."""
    return [sentence for sentences in _read("nothing.json")[role].values() for sentence in sentences]


@dataclass(frozen=True)
class AttributeWord:
    """attribute: the column; word: as the catalogue writes it; names: {language: word}; carried: (items,) mask."""

    attribute: str
    word: str
    names: Mapping[str, str]
    carried: npt.NDArray[np.bool_]


def wordings() -> dict[str, Any]:
    """The committed wordings: `train` is learnt from, `validation` chooses the strength, `test` is kept for reports."""
    return _read("wordings.json")


def _read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("promptrec.backbone").joinpath(name).read_text("utf-8"))
    return document


def attribute_words(catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]]) -> list[AttributeWord]:
    """Every attribute word that at least five items carry; `labels` is {language: {word: its name there}}.

    A word without a label is used as it is in every language: the text encoder bridges what it can.
    """
    found = []
    for attribute in catalogue.word_attributes:
        carriers: dict[str, list[int]] = {}
        for row, words in enumerate(catalogue.words_of(attribute)):
            for word in words:
                carriers.setdefault(word, []).append(row)
        for word, rows in carriers.items():
            if FEWEST_ITEMS <= len(rows) < len(catalogue):
                carried = np.zeros(len(catalogue), dtype=bool)
                carried[rows] = True
                names = {
                    "en": word.lower(),
                    **{language: known[word] for language, known in labels.items() if word in known},
                }
                found.append(AttributeWord(attribute, word, names, carried))
    return found


def word_wishes(words: list[AttributeWord], role: str) -> list[Wish]:
    """One wish for each attribute word in each wording of a role (train, validation or test)."""
    return [
        Wish(form.format(word.names.get(language, word.word)), language, word.carried)
        for word in words
        for language, forms in wordings()[role].items()
        for form in forms
    ]


def training_wishes(catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]], seed: int) -> list[Wish]:
    """Wishes for attribute words in the training wordings (6,000 at most), for pairs of words, decades, words of a
    decade, and titles."""
    rng, written = generator(seed, "wishes"), wordings()
    words = attribute_words(catalogue, labels)
    wishes = word_wishes(words, "train")
    if len(wishes) > WORD_WISHES:
        wishes = [wishes[int(i)] for i in np.sort(rng.choice(len(wishes), WORD_WISHES, replace=False))]
    decades = _decades(catalogue)
    for language, forms in written["train"].items():
        for _ in range(PAIRS if len(words) > 1 else 0):
            first, second = (words[int(i)] for i in rng.choice(len(words), 2, replace=False))
            both = first.carried & second.carried
            asked = both if both.sum() >= FEWEST_ITEMS else first.carried | second.carried
            names = (first.names.get(language, first.word), second.names.get(language, second.word))
            text = written["pair"][language].format(*names)
            wishes.append(Wish(str(rng.choice(forms)).format(text), language, asked))
        for decade, carried in decades.items():
            for spoken in _spoken(decade):
                text = written["decade"][language].format(spoken)
                wishes += [Wish(form.format(text), language, carried) for form in forms[:3]]
        for _ in range(PAIRS if words and decades else 0):
            word, decade = words[int(rng.integers(len(words)))], int(rng.choice(list(decades)))
            both, form = word.carried & decades[decade], str(rng.choice(written["word and decade"][language]))
            if both.sum() >= FEWEST_ITEMS:
                name, spoken = word.names.get(language, word.word), str(rng.choice(_spoken(decade)))
                wishes.append(Wish(form.format(name, spoken), language, both))
    for row in rng.permutation(len(catalogue))[:TITLES]:
        mask = np.zeros(len(catalogue), dtype=bool)
        mask[row] = True
        wishes.append(Wish(catalogue.title(int(row)), "en", mask))
    return wishes


def _decades(catalogue: Catalogue) -> dict[int, npt.NDArray[np.bool_]]:
    decades = catalogue.decades
    found = {int(decade): decades == decade for decade in np.unique(decades[~np.isnan(decades)])}
    return {decade: mask for decade, mask in found.items() if mask.sum() >= FEWEST_ITEMS}


def _spoken(decade: int) -> list[str]:
    """What people call it: 1990, and 90 where that is of the century of which the two figures are usual."""
    return [str(decade), *([str(decade % 100)] if 1920 <= decade <= 1990 else [])]
