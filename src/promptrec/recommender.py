"""The noun that ties the rooms: histories and words in, items and reasons out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from promptrec.backbone.interface import Backbone
from promptrec.backbone.kinds import load_backbone
from promptrec.backbone.request import RequestEncoder
from promptrec.content.cache import encode_cached
from promptrec.content.encoder import Vectors
from promptrec.content.text import OfflineTextEncoder
from promptrec.data.catalogue import Catalogue
from promptrec.data.dataset import Dataset
from promptrec.data.history import EMPTY, Event, History
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.prompt.library import PromptLibrary
from promptrec.prompt.prompt import Prompt, louder, mix
from promptrec.prompt.query import Query
from promptrec.prompt.slots import Slots, has_slots
from promptrec.rank.explain import reasons
from promptrec.rank.lexical import Lexical
from promptrec.workspace import Workspace, read_json

PromptName = str | Mapping[str, float] | Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Item:
    """One recommended item: score is the cosine of query and item, or the blend of meaning and
    words where a request is read word by word as well; reasons are in plain words."""

    id: str
    title: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """The best items, best first, and how they came about.

    prompts: name, version and weight of each prompt used; ignored: ids of the history that the catalogue does not know;
    fallback: whether popular items answered because there was nothing to go by.
    """

    items: tuple[Item, ...]
    prompts: tuple[dict[str, Any], ...]
    request: str | None
    ignored: tuple[str, ...]
    fallback: bool = False

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def as_dict(self) -> dict[str, Any]:
        """What `promptrec recommend --json` prints."""
        return asdict(self)


class Recommender:
    """A release that is ready to answer: a backbone, its request encoder and the workspace's prompts."""

    def __init__(
        self,
        dataset: Dataset,
        backbone: Backbone,
        requests: RequestEncoder,
        library: PromptLibrary,
        vectors: Vectors,
        split: Callable[[], Split],
        lexical: float = 0.0,
    ) -> None:
        """split: gives the split that the backbone was trained with, where somebody asks for it.
        lexical: the share of a request's words against its meaning, 0 to 1; 0 is without."""
        self.lexical_share = lexical
        self.dataset = dataset
        self.vectors = vectors
        self._split_of = split
        self.catalogue: Catalogue = dataset.catalogue
        self.backbone = backbone
        self.requests = requests
        self.library = library

    @classmethod
    def load(cls, workspace: str | Path) -> Recommender:
        """Read the current backbone of a workspace. Raises PromptrecError where nothing is trained."""
        place = Workspace(Path(workspace))
        dataset = Dataset.load(place.dataset)
        folder = current_backbone(place)
        encoder = OfflineTextEncoder()
        vectors = encode_cached(dataset.catalogue.texts, encoder, place.dataset / "vectors.safetensors")
        backbone = load_backbone(folder, dataset.catalogue, vectors)
        requests = RequestEncoder.load(folder, backbone, encoder)
        card = read_json(folder / "config.json", "backbone config")["card"]
        split, share = partial(split_of, folder, dataset), float(card.get("lexical", 0.0))
        return cls(dataset, backbone, requests, PromptLibrary(place.prompts), vectors, split, share)

    @cached_property
    def split(self) -> Split:
        """The split of the backbone's training. Raises PromptrecError when the people have changed since, as after an
        erasure: such a model still recommends, but nobody can say any more whom it was trained on.
        """
        return self._split_of()

    @cached_property
    def lexical(self) -> Lexical | None:
        """The words of the catalogue; None where requests go by meaning alone."""
        return Lexical(self.catalogue.texts, self.lexical_share) if self.lexical_share else None

    @cached_property
    def _events_of(self) -> dict[str, int]:
        return {user: person for person, user in enumerate(self.dataset.histories.users)}

    def history_of(self, user_id: str) -> list[Event]:
        """The dataset's events of a person as (item id, time, kind), oldest first; none for an unknown person."""
        person = self._events_of.get(user_id)
        if person is None:
            return []
        history = self.dataset.histories.of(person)
        times = [None if np.isnan(time) else float(time) for time in history.times]
        return [(self.catalogue.ids[row], time, "event") for row, time in zip(history.rows, times, strict=True)]

    def prompts(self) -> list[dict[str, Any]]:
        return self.library.describe()

    @cached_property
    def slots(self) -> Slots:
        return Slots(self.catalogue)

    def worded(self, prompt: Prompt, history: History) -> Prompt | None:
        """A text prompt with its slots filled for a history, None where nothing is left of its words; other prompts as
        they are.
        """
        if prompt.kind != "text" or not has_slots(prompt.words):
            return prompt
        words = self.slots.fill(prompt.words, history)
        return replace(self.requests.prompt(words, prompt.name), version=prompt.version) if words else None

    def prompt_for(
        self,
        request: str | None = None,
        prompt: PromptName | None = None,
        history: History = EMPTY,
        request_weight: float = 0.5,
    ) -> Prompt | None:
        """What steers a call: the named prompt or mix, the request, or both with equal weights; without a named prompt,
        a person with few events gets the workspace's cold prompt where there is one.

        request_weight: from 0, the history alone ("surprise me"), over 0.5, the request as it was trained, to 1, the
        request alone ("exactly this").
        """
        if not 0 <= request_weight <= 1:
            raise PromptrecError(f"request_weight: expected 0 (the history alone) to 1, found {request_weight}")
        parts = []
        named = self._named(prompt, history)
        if named is not None:
            self.backbone.check(named)
            parts.append((named, 1.0))
        asked = self.slots.fill(request, history) if request is not None and has_slots(request) else request
        if asked is not None and request_weight:
            parts.append((louder(self.requests.prompt(asked), request_weight), 1.0))
        if not parts:
            return None
        return parts[0][0] if len(parts) == 1 else mix(parts)

    def _named(self, prompt: PromptName | None, history: History) -> Prompt | None:
        if prompt is None:
            return self.library.cold_prompt(len(history))
        if isinstance(prompt, str):
            return self.worded(self.library.load(prompt), history)
        weights = list(prompt.items() if isinstance(prompt, Mapping) else prompt)
        worded = [(self.worded(self.library.load(name), history), weight) for name, weight in weights]
        if not worded:
            raise PromptrecError("prompt: expected a name, or names with weights, found none")
        left = [(part, weight) for part, weight in worded if part is not None]
        return mix(left) if left else None

    def recommend(
        self,
        history: Sequence[str | Event] = (),
        request: str | None = None,
        prompt: PromptName | None = None,
        k: int = 10,
        profile: Mapping[str, Any] | None = None,
        request_weight: float = 0.5,
    ) -> Recommendation:
        """The `k` best items for a person who may be unknown to training, given by what they did, oldest first.

        history: item ids, or (item id, epoch seconds or None, kind); items in it are not recommended again.
        prompt: the name of a saved prompt, or names with weights: their mix. profile: attributes of the person, for
        prompts that are made from them. request_weight: from 0 (the history alone) to 1 (the request alone).
        Raises PromptrecError for a k outside 1 to the catalogue's size, an empty or overlong request, or a history of
        which no id is known; NotFoundError for an unknown prompt.
        """
        if not 1 <= k <= len(self.catalogue):
            raise PromptrecError(f"k: expected 1 to {len(self.catalogue):,} (the size of the catalogue), found {k}")
        known, ignored = self.catalogue.history(history)
        if ignored and not len(known):
            raise PromptrecError(
                f"history: none of its {len(ignored)} ids is in the catalogue (the first is {ignored[0]!r}); "
                "give ids of the items file"
            )
        steering = self.prompt_for(request, prompt, known, request_weight)
        query = Query(history=known, profile=profile or {}, request=request, prompt=steering)
        scores = self.backbone.score([query])[0]
        if request is not None and self.lexical is not None:
            scores = self.lexical.blend(scores, request)
        scores[known.rows] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        best = best[np.isfinite(scores[best])]
        why = reasons(self.backbone, query, best, self.lexical)
        items = tuple(
            Item(self.catalogue.ids[row], self.catalogue.title(int(row)), round(float(scores[row]), 4), own)
            for row, own in zip(best, why, strict=True)
        )
        used = steering.flat() if steering else []
        return Recommendation(
            items=items,
            prompts=tuple({"name": part.name, "version": part.version, "weight": weight} for part, weight in used),
            request=request,
            ignored=tuple(ignored),
        )


def current_backbone(workspace: Workspace) -> Path:
    """The folder of the backbone in use. Raises PromptrecError where nothing is trained."""
    pointer = workspace.backbones / "current"
    if not pointer.exists():
        raise PromptrecError(f"{workspace.backbones}: no backbone is trained here; run `promptrec train`")
    return workspace.backbones / str(read_json(pointer, "pointer to the current backbone")["version"])


def split_of(folder: Path, dataset: Dataset) -> Split:
    """The split that the backbone in `folder` was trained with. Raises PromptrecError when the people have changed."""
    card = read_json(folder / "config.json", "backbone config")["card"]
    protocol, items_out = card.get("protocol", "leave-one-out"), card.get("items_out", 0.0)
    split = Split.of(dataset.histories, card["seed"], card["people_out"], items_out, protocol)
    if split.hash != card["split_hash"]:
        raise PromptrecError(f"{folder}: the dataset's people are not those of this backbone's training; train again")
    return split
