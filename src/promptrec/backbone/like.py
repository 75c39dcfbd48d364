"""A request that is no words but a picture (or whatever a file holds): something like this."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from promptrec.backbone.interface import Backbone
from promptrec.backbone.request import quietest
from promptrec.backbone.sequence import device
from promptrec.content.encoder import FileEncoder, Vectors
from promptrec.data.catalogue import Rows
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator

RIDGES = (1.0, 3.0, 10.0, 30.0)
STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
USUAL = 0.5
LIKENESS = 0.25
FEWEST = 20  # items to learn from
PEOPLE, ITEMS = 128, 200
KEPT = 1_000

Shown = tuple[Rows, Rows, Rows]


@dataclass(frozen=True)
class Facets:
    """What a vector tells of the attribute words: weights (w, facets) on the centred vector, usual (facets,) the share
    of items that carry each. Fitted by ridge regression in closed form."""

    weights: Tensor
    usual: Tensor

    @classmethod
    def fit(cls, content: Tensor, carried: Tensor, ridge: float) -> Facets:
        usual = carried.mean(dim=0)
        gram = content.T @ content + ridge * torch.eye(content.shape[1])
        return cls(torch.linalg.solve(gram, content.T @ (carried - usual)), usual)

    def expected(self, content: Tensor) -> Tensor:
        """(n, facets) how likely each facet is, within 0 and 1."""
        return (content @ self.weights + self.usual).clamp(0, 1)


class LikeEncoder:
    """The bytes of a file to a prompt, for one frozen backbone.

    The prompt lifts the items that carry the attribute words which such a file's item probably has, each by its
    expected share less half of how usual the word is, and, a little, the items whose own file is like it: by the cosine
    of the vectors, each direction divided by how much the items differ in it.
    """

    def __init__(
        self, modality: str, facets: Facets, strength: float, backbone: Backbone, encoder: Callable[[], FileEncoder]
    ) -> None:
        """encoder: loads what makes vectors of files, at the first request."""
        self.modality, self.facets, self.strength, self.backbone = modality, facets, strength, backbone
        digest = hashlib.sha256(f"{modality} {strength}".encode())
        for tensor in (facets.weights, facets.usual):
            digest.update(tensor.contiguous().numpy().tobytes())
        self.fingerprint = digest.hexdigest()
        self._encoder = cache(encoder)
        self._known: OrderedDict[bytes, Prompt] = OrderedDict()
        self._lock = threading.Lock()

    def over(self, backbone: Backbone) -> LikeEncoder:
        """The same over another catalogue of the same frozen backbone."""
        return LikeEncoder(self.modality, self.facets, self.strength, backbone, self._encoder)

    def prompt(self, file: bytes) -> Prompt:
        """Raises PromptrecError for a file that cannot be read. The latest thousand files are kept, so that one that
        is asked for again is not encoded again."""
        key = hashlib.sha256(file).digest()
        with self._lock:
            found = self._known.get(key)
        if found is None:
            found = self._prompt(file)
        with self._lock:
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    def _prompt(self, file: bytes) -> Prompt:
        vectors = self._encoder().encode([file])
        if not vectors.any():
            raise PromptrecError(
                f"{self.modality}: the {len(file):,} bytes cannot be read; send a JPEG, PNG or WebP picture"
                if self.modality == "image"
                else f"{self.modality}: the {len(file):,} bytes cannot be read"
            )
        with torch.inference_mode():
            shift = self.shifts(vectors)[0]
        words = f"like this {'picture' if self.modality == 'image' else self.modality}"
        return Prompt(
            self.modality,
            "text",
            words,
            self.backbone.fingerprint,
            {"shift": shift},
            request_encoder=self.fingerprint,
        )

    def shifts(self, vectors: Vectors) -> Tensor:
        """(n, d) what is added to a query, from the vectors of files."""
        space = self.backbone.space
        own = space.others[self.modality]
        content = own.content(vectors)
        shifts = torch.zeros(len(vectors), self.backbone.prompt_shape.shift)
        place = shifts[:, shifts.shape[1] - space.width :]
        place[:, space.facets_at] = self.facets.expected(content) - USUAL * self.facets.usual
        start = space.start_of(self.modality)
        alike = F.normalize(content @ (own.directions / own.spread), dim=-1)
        place[:, start : start + alike.shape[1]] = LIKENESS * alike
        return self.strength * shifts

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the tensors into `folder`; the rest is returned, for its config."""
        tensors = {"weights": self.facets.weights.contiguous(), "usual": self.facets.usual.contiguous()}
        save_file(tensors, folder / _file(self.modality))
        return {"strength": self.strength}

    @classmethod
    def load(
        cls,
        folder: Path,
        modality: str,
        config: Mapping[str, Any],
        backbone: Backbone,
        encoder: Callable[[], FileEncoder],
    ) -> LikeEncoder:
        """Raises PromptrecError where the file is missing or broken."""
        file = folder / _file(modality)
        try:
            saved = load_file(file)
            facets = Facets(saved["weights"], saved["usual"])
            return cls(modality, facets, float(config["strength"]), backbone, encoder)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise PromptrecError(f"{file}: the encoder of requests cannot be read ({error}); train again") from None


def _file(modality: str) -> str:
    return f"like_{modality}.safetensors"


def shown_items(carried: Tensor, vectors: Vectors, seed: int) -> Shown:
    """Rows of the items that have a file and an attribute word: those learnt from (70%), those that choose, those kept
    for the report."""
    there = np.flatnonzero(vectors.any(axis=1) & carried.any(dim=1).numpy())
    order = generator(seed, "like").permutation(there)
    learnt, choosing = int(0.7 * len(order)), int(0.85 * len(order))
    return order[:learnt], order[learnt:choosing], order[choosing:]


def fit_like_encoder(
    modality: str, vectors: Vectors, backbone: Backbone, people: Examples, encoder: Callable[[], FileEncoder], seed: int
) -> tuple[LikeEncoder, dict[str, float]] | None:
    """Learn what a file of one modality asks for, from the catalogue's own; the backbone does not change.

    vectors: (n, width) of the items' files; people: histories that were not trained on. Of the items with a file 70%
    are learnt from. On 15% the ridge is chosen by the squared error of the facets, and then the least strength at which
    the share of the top ten that has an attribute word of the shown item is within 2% of the best. Returns the encoder
    and that share, without and with the file, for the last 15%; None where there are too few items to learn from.
    """
    space = backbone.space
    carried = space.carried(backbone.catalogue)
    learnt, choosing, kept = shown_items(carried, vectors, seed)
    if len(learnt) < FEWEST or not len(choosing) or not len(people):
        return None
    content = space.others[modality].content(vectors)
    fits = [Facets.fit(content[learnt], carried[learnt], ridge) for ridge in RIDGES]
    facets = min(fits, key=lambda fit: float((fit.expected(content[choosing]) - carried[choosing]).square().mean()))
    some = people.take(np.unique(np.linspace(0, len(people) - 1, PEOPLE).astype(int)))
    made = {strength: LikeEncoder(modality, facets, strength, backbone, encoder) for strength in STRENGTHS}
    reached = {strength: share_of_top(own, vectors, choosing, some)[1] for strength, own in made.items()}
    best = made[quietest(reached)]
    without, share = share_of_top(best, vectors, kept, some) if len(kept) else (0.0, 0.0)
    return best, {"share_without": without, "share_with": share, "items": float(len(kept))}


def share_of_top(encoder: LikeEncoder, vectors: Vectors, shown: Rows, people: Examples) -> tuple[float, float]:
    """The mean share of the top ten that has an attribute word of the item that is shown, without and with its file.

    Over up to 200 of the `shown` rows and all people; what a person has seen and the shown item itself are out.
    """
    found = shares_of_top(encoder, vectors, shown[:ITEMS], people)
    return float(found[0].mean()), float(found[1].mean())


def shares_of_top(
    encoder: LikeEncoder, vectors: Vectors, shown: Rows, people: Examples, pictured: Rows | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """`share_of_top` by shown item, (m,) each. pictured: whose files stand in for those of `shown`."""
    backbone = encoder.backbone
    keys, where = backbone.encode_items().float(), device()
    carried = backbone.space.carried(backbone.catalogue).to(where)
    with torch.inference_mode():
        histories = backbone.encode(list(people), [{}] * len(people)).float()
        shifts = encoder.shifts(vectors[shown if pictured is None else pictured]).to(where)
        plain = histories @ keys.T
        for row, history in zip(plain, people, strict=True):
            row[torch.from_numpy(history.rows).to(where)] = -torch.inf
        without: list[float] = []
        share: list[float] = []
        for row, shift in zip(shown.tolist(), shifts, strict=True):
            hit = (carried @ carried[row] > 0).float()
            for scores, into in ((plain, without), (plain + keys @ shift, share)):
                ranked = scores.clone()
                ranked[:, row] = -torch.inf
                into.append(float(hit[ranked.topk(min(10, len(keys) - 1)).indices].mean()))
    return np.array(without), np.array(share)
