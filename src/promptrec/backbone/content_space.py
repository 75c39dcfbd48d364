"""Where prompts point at content: an item's place in it follows from what it is, not from behaviour."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.content.encoder import Vectors
from promptrec.content.items import Others, learnt
from promptrec.data.catalogue import Catalogue
from promptrec.errors import PromptrecError

DIRECTIONS = 128
FACETS = 128
FEWEST_ITEMS = 5
SMALLEST_SPREAD = 1e-4
PORTION = 65_536  # items

Facet = tuple[str, str]  # attribute, word


@dataclass(frozen=True)
class Directions:
    """Where vectors of a modality besides text lie: what they have in common, the directions in which they differ most,
    and the mean square in each. Items without one lie at zero."""

    centre: torch.Tensor
    directions: torch.Tensor
    spread: torch.Tensor

    @classmethod
    def fit(cls, vectors: Vectors) -> Directions:
        centre = torch.from_numpy(vectors.mean(axis=0))
        content = _centred(vectors, centre)
        directions = main_directions(content)
        return cls(centre, directions, (content @ directions).square().mean(dim=0).clamp(min=SMALLEST_SPREAD))

    def content(self, vectors: Vectors) -> torch.Tensor:
        """(n, w) vectors without what they have in common, at length one; zeros stay zeros."""
        return without(vectors, self.centre)


@dataclass(frozen=True)
class ContentSpace:
    """Fitted on one catalogue, it places items that come later as well.

    centre: (w,) what all items' text vectors have in common. directions: (w, up to 128) those in which they differ
    most. spread: (directions,) the items' mean square in each. facets: the up to 128 attribute words and decades that
    most items carry; an item has a one for each that it carries, so that a prompt can lift exactly those items, all by
    the same amount. others: of the modalities besides text, by name.
    """

    centre: torch.Tensor
    directions: torch.Tensor
    spread: torch.Tensor
    facets: tuple[Facet, ...]
    others: Mapping[str, Directions] = field(default_factory=dict)

    @classmethod
    def fit(cls, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> ContentSpace:
        carriers = Counter(
            (attribute, word)
            for attribute, words_of in facet_words(catalogue).items()
            for words in words_of
            for word in set(words)
        )
        common = [facet for facet, items in carriers.items() if FEWEST_ITEMS <= items < len(catalogue)]
        common.sort(key=lambda facet: (-carriers[facet], facet))
        text = Directions.fit(vectors)
        fitted = {name: Directions.fit(own[own.any(axis=1)]) for name, own in sorted(learnt(others).items())}
        return cls(text.centre, text.directions, text.spread, tuple(common[:FACETS]), fitted)

    @property
    def width(self) -> int:
        """How many numbers a place has."""
        return int(self.facets_at.stop) + sum(own.directions.shape[1] for own in self.others.values())

    @property
    def facets_at(self) -> slice:
        """Where the facets lie in a place."""
        return slice(self.directions.shape[1], self.directions.shape[1] + len(self.facets))

    def start_of(self, modality: str) -> int:
        """Where the numbers of a modality besides text begin in a place."""
        before = [own.directions.shape[1] for name, own in self.others.items() if name < modality]
        return int(self.facets_at.stop) + sum(before)

    def content(self, vectors: Vectors) -> torch.Tensor:
        """(n, w) text vectors without what the items have in common, at length one."""
        return _centred(vectors, self.centre)

    def carried(self, catalogue: Catalogue) -> torch.Tensor:
        """(n, facets): a one for each facet that an item carries."""
        carried = torch.zeros(len(catalogue), len(self.facets))
        for column, (attribute, word) in enumerate(self.facets):
            carried[_carriers(catalogue, attribute, word), column] = 1
        return carried

    def place(self, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> torch.Tensor:
        """(n, width): each item's place: directions of its text, facets, directions of the other modalities."""
        seen = [
            own.content(known(others, name, len(vectors), own)) @ own.directions for name, own in self.others.items()
        ]
        texts = [self.content(part) @ self.directions for part in portions(vectors)]
        return torch.cat([torch.cat(texts), self.carried(catalogue), *seen], dim=-1)

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self.facets).encode())
        for tensor in (self.centre, self.directions, self.spread):
            digest.update(tensor.contiguous().numpy().tobytes())
        for name, own in self.others.items():
            digest.update(name.encode())
            for tensor in (own.centre, own.directions, own.spread):
                digest.update(tensor.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the tensors into `folder`; the rest is returned, for its config."""
        tensors = {"centre": self.centre, "directions": self.directions, "spread": self.spread}
        for name, own in self.others.items():
            tensors |= {
                f"{name}.centre": own.centre,
                f"{name}.directions": own.directions,
                f"{name}.spread": own.spread,
            }
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "content_space.safetensors")
        return {"facets": [list(facet) for facet in self.facets], "modalities": list(self.others)}

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> ContentSpace:
        """Raises PromptrecError where the file is missing or broken."""
        file = folder / "content_space.safetensors"
        try:
            saved = load_file(file)
            facets = tuple((attribute, word) for attribute, word in config["facets"])
            others = {
                name: Directions(saved[f"{name}.centre"], saved[f"{name}.directions"], saved[f"{name}.spread"])
                for name in config.get("modalities", [])
            }
            return cls(saved["centre"], saved["directions"], saved["spread"], facets, others)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise PromptrecError(f"{file}: the content space cannot be read ({error}); train again") from None


def facet_words(catalogue: Catalogue) -> dict[str, list[list[str]]]:
    """For each attribute what an item may be asked for by: its words, and of the year its decade, as "1990s"."""
    found = {"year": [[] if np.isnan(decade) else [f"{decade:.0f}s"] for decade in catalogue.decades]}
    return found | {attribute: catalogue.words_of(attribute) for attribute in catalogue.word_attributes}


def _carriers(catalogue: Catalogue, attribute: str, word: str) -> torch.Tensor:
    """The rows of the items that carry a facet: what `facet_words` says, without a list for each of a million items."""
    if attribute in catalogue.word_attributes:
        words = pl.col(attribute)
        has = words.list.contains(word) if catalogue.items.schema[attribute] == pl.List(pl.String) else words == word
        carries = catalogue.items.select(has.fill_null(False)).to_series().to_numpy()
    elif attribute == "year":
        carries = np.isin(catalogue.decades, [own for own in np.unique(catalogue.decades) if f"{own:.0f}s" == word])
    else:
        carries = np.zeros(len(catalogue), dtype=bool)
    return torch.from_numpy(np.flatnonzero(carries))


def portions(vectors: Vectors) -> Iterator[Vectors]:
    """The vectors a part at a time, so that what is made of them on the way takes little memory."""
    return (vectors[start : start + PORTION] for start in range(0, len(vectors), PORTION))


def without(vectors: Vectors, centre: torch.Tensor) -> torch.Tensor:
    """(n, w) vectors without what they have in common, at length one; zeros stay zeros."""
    return _centred(vectors, centre) * torch.from_numpy(vectors.any(axis=1))[:, None]


def _centred(vectors: Vectors, centre: torch.Tensor) -> torch.Tensor:
    return F.normalize(torch.from_numpy(vectors) - centre, dim=-1)


def known(others: Others | None, modality: str, items: int, own: Directions) -> Vectors:
    """The vectors of a modality, zeros where there are none of it."""
    given = (others or {}).get(modality)
    return np.zeros((items, len(own.centre)), dtype=np.float32) if given is None else given


def main_directions(content: torch.Tensor) -> torch.Tensor:
    """(content width, up to 128) the directions in which content vectors differ most, their sign fixed."""
    vectors: torch.Tensor = torch.linalg.eigh(content.T @ content)[1]
    directions = vectors.flip(-1)[:, :DIRECTIONS]
    signs: torch.Tensor = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True)).sign()
    oriented: torch.Tensor = directions * signs
    return oriented
