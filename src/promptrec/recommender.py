"""The noun that ties the rooms: histories and words in, items and reasons out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Backbone
from promptrec.backbone.kinds import load_backbone, load_requests
from promptrec.backbone.like import LikeEncoder
from promptrec.backbone.request import RequestEncoder
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others, encode_content
from promptrec.content.kinds import chosen, load_file_encoder, load_text_encoder
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.dataset import Dataset
from promptrec.data.history import EMPTY, Event, History
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.index.contract import NONE, Kind
from promptrec.mapped import let_go
from promptrec.prompt.library import PromptLibrary
from promptrec.prompt.prompt import Prompt, louder, mix
from promptrec.prompt.query import Query
from promptrec.prompt.slots import Slots, has_slots
from promptrec.rank.answer import Item, Recommendation
from promptrec.rank.explain import reasons
from promptrec.rank.filters import Conditions, Filters, Mask
from promptrec.rank.language import language_note
from promptrec.rank.lexical import Lexical
from promptrec.rank.ranker import Ranker
from promptrec.rank.reranker import RERANKED, DecoderReranker
from promptrec.rank.seen import Seen, seen_rows
from promptrec.workspace import Workspace, read_json

__all__ = ["Item", "Recommendation", "Recommender", "current_backbone", "split_of"]

PromptName = str | Mapping[str, float] | Sequence[tuple[str, float]]


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
        index: Kind | None = None,
        others: Others | None = None,
        likes: Mapping[str, LikeEncoder] | None = None,
    ) -> None:
        """split: gives the split that the backbone was trained with, where somebody asks for it.
        lexical: the share of a request's words against its meaning, 0 to 1; 0 is without.
        index: how items are found; exact up to 200,000 items and int8 above where None.
        others: vectors of the modalities besides text; likes: what makes prompts of their files, by modality.
        """
        self.others: Others = others or {}
        self.likes: Mapping[str, LikeEncoder] = likes or {}
        self.lexical_share = lexical
        self.index_kind = index
        self.dataset = dataset
        self.vectors = vectors
        self._split_of = split
        self.catalogue: Catalogue = dataset.catalogue
        self.backbone = backbone
        self.requests = requests
        self.library = library
        self._rerankers: dict[tuple[str, int], DecoderReranker] = {}

    @classmethod
    def load(cls, workspace: str | Path, index: Kind | None = None) -> Recommender:
        """Read the current backbone of a workspace. Raises PromptrecError where nothing is trained."""
        place = Workspace(Path(workspace))
        dataset = Dataset.load(place.dataset)
        folder = current_backbone(place)
        card = read_json(folder / "config.json", "backbone config")["card"]
        own = card.get("encoders", {})
        specs = chosen(own.values())
        encoder = load_text_encoder(specs)
        content = encode_content(place.dataset, dataset.catalogue, specs, encoder, only=tuple(own))
        backbone = load_backbone(folder, dataset.catalogue, content.text, content.others)
        let_go([content.text])  # to recommend, the backbone's own numbers are enough
        requests = load_requests(folder, backbone, encoder)
        likes = {
            name: LikeEncoder.load(folder, name, facts, backbone, partial(load_file_encoder, specs[name]))
            for name, facts in card.get("like", {}).items()
        }
        split, share = partial(split_of, folder, dataset), float(card.get("lexical", 0.0))
        library = PromptLibrary(place.prompts)
        return cls(dataset, backbone, requests, library, content.text, split, share, index, content.others, likes)

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
    def ranker(self) -> Ranker:
        """What finds the best items; made when it is first asked for."""
        return Ranker(self.backbone, self.lexical, self.index_kind)

    @cached_property
    def filters(self) -> Filters:
        return Filters(self.catalogue)

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

    def filled(self, request: str | None, history: History) -> str | None:
        """A request with its slots filled, None where nothing is left of it."""
        if request is None or not has_slots(request):
            return request
        return self.slots.fill(request, history) or None

    def prompt_for(
        self,
        request: str | None = None,
        prompt: PromptName | None = None,
        history: History = EMPTY,
        request_weight: float = 0.5,
        image: bytes | str | Path | None = None,
    ) -> Prompt | None:
        """What steers a call: the named prompt or mix, the request, the picture, or those of them that there are, with
        equal weights; without a named prompt,
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
        asked = self.filled(request, history)
        if asked is not None and request_weight:
            parts.append((louder(self.requests.prompt(asked), request_weight), 1.0))
        if image is not None and request_weight:
            parts.append((louder(self.like("image", image), request_weight), 1.0))
        if not parts:
            return None
        return parts[0][0] if len(parts) == 1 else mix(parts)

    def like(self, modality: str, file: bytes | str | Path) -> Prompt:
        """The prompt for items like a file: its bytes, or its path. Raises PromptrecError where it cannot be read."""
        if modality not in self.likes:
            raise PromptrecError(
                f"{modality}: this model has learnt from none; import items with a column {modality!r} and train, or "
                "say in the request what is wanted"
            )
        if isinstance(file, bytes):
            return self.likes[modality].prompt(file)
        try:
            return self.likes[modality].prompt(Path(file).read_bytes())
        except (OSError, ValueError) as error:
            raise PromptrecError(f"{modality}: {file}: cannot be read ({error})") from None

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
        *,
        image: bytes | str | Path | None = None,
        exclude: Sequence[str] = (),
        allow: Sequence[str] | None = None,
        filters: Conditions | None = None,
        diversity: float = 0.0,
        seen: Seen = "exclude",
        explain: bool = True,
        rerank: str | None = None,
    ) -> Recommendation:
        """The `k` best items for a person who may be unknown to training, given by what they did, oldest first.

        history: item ids, or (item id, epoch seconds or None, kind). prompt: the name of a saved prompt, or names with
        weights: their mix. profile: attributes of the person, for prompts that are made from them. request_weight: from
        0 (the history alone) to 1 (the request alone).
        image: a picture, as the bytes of its file or the file's path: something like this, with or without a request.
        exclude: ids never to show; allow: ids that alone may be shown; filters: conditions on attributes, as
        `{"year": {"min": 1990}}` (`rank/filters.py`). diversity: 0 for the best items to 1 for the most varied list.
        seen: whether items of the history are excluded or included, or for how many days they are excluded.
        explain: without it there are no reasons and the answer takes a fraction of the time.
        rerank: the name of a saved reranker: a decoder reads the titles of the first 50 and of the history and orders
        them anew, in one or two seconds; scores and reasons stay those of the backbone.
        Where fewer than `k` items may be shown, all of them are, and a note says so.
        Raises PromptrecError for a k outside 1 to the catalogue's size, an empty or overlong request, a picture that
        cannot be read or a model that has learnt from none, a history or `allow` of which no id is known, or an option
        out of range; NotFoundError for an unknown prompt or attribute.
        """
        if not 1 <= k <= len(self.catalogue):
            raise PromptrecError(f"k: expected 1 to {len(self.catalogue):,} (the size of the catalogue), found {k}")
        known, ignored = self.catalogue.history(history)
        if ignored and not len(known):
            raise self._nothing_known("history", ignored)
        out, unknown = self._known(exclude)
        ignored += unknown
        allowed, unknown = self._allowed(allow, filters)
        ignored += unknown
        asked = self.filled(request, known)
        steering = self.prompt_for(asked, prompt, known, request_weight, image)
        query = Query(history=known, profile=profile or {}, request=asked, prompt=steering)
        barred = seen_rows(known, seen, time.time())
        out = np.concatenate([out, barred]) if len(out) else barred
        notes = [language_note(request) if request is not None else None]
        if rerank is None:
            rows, scores = self.ranker.best(query, k, out, allowed, diversity)
        else:
            if diversity:
                raise PromptrecError("rerank: it orders by relevance alone; leave it or diversity out")
            reranker = self.reranker(rerank)
            found = self.ranker.best(query, max(k, RERANKED), out, allowed)
            rows, scores = reranker.rerank(query, found)
            rows, scores = rows[:k], scores[:k]
            notes.append(f"the first {RERANKED} in the order of {rerank}, whose share is {reranker.share:g}")
        if len(rows) < k:
            notes.append(f"{len(rows):,} of the {k:,} items asked for: no other may be shown")
        used = steering.flat() if steering else []
        return Recommendation(
            items=self._items(rows, scores, self._reasons(query, rows, request_weight) if explain else None),
            prompts=tuple({"name": part.name, "version": part.version, "weight": weight} for part, weight in used),
            request=request,
            ignored=tuple(dict.fromkeys(ignored)),
            notes=tuple(note for note in notes if note),
        )

    def reranker(self, name: str) -> DecoderReranker:
        """A saved reranker, its decoder loaded once. Raises NotFoundError for an unknown name and PromptrecError for
        another kind of prompt, or one of another decoder or backbone.
        """
        version = self.library.active(name)
        if (name, version) not in self._rerankers:
            prompt = self.library.load(name, version)
            self._rerankers[name, version] = DecoderReranker.of(prompt, self.catalogue, self.backbone.fingerprint)
        return self._rerankers[name, version]

    def similar(self, item_id: str, k: int = 10) -> tuple[Item, ...]:
        """The `k` items most like one, by what people do and by content; score is the cosine of the items' vectors.

        Raises NotFoundError for an unknown item and PromptrecError for a k outside 1 to the catalogue's size.
        """
        row = self.catalogue.row(item_id)
        if not 1 <= k <= len(self.catalogue):
            raise PromptrecError(f"k: expected 1 to {len(self.catalogue):,} (the size of the catalogue), found {k}")
        return self._items(*self.ranker.similar(row, k))

    def _items(
        self, rows: Rows, scores: npt.NDArray[np.float32], why: Sequence[tuple[str, ...]] | None = None
    ) -> tuple[Item, ...]:
        places, rounded = rows.tolist(), [round(score, 4) for score in scores.tolist()]
        ids = map(self.catalogue.ids.__getitem__, places)
        return tuple(map(Item, ids, map(self.catalogue.title, places), rounded, why or repeat(())))

    def _reasons(self, query: Query, rows: Rows, request_weight: float) -> list[tuple[str, ...]]:
        def reworded(words: str) -> Prompt:
            return louder(self.requests.prompt(words), request_weight)

        return reasons(self.backbone, query, rows, reworded, self.lexical)

    def _known(self, ids: Sequence[str]) -> tuple[Rows, list[str]]:
        if not ids:
            return NONE, []
        rows = self.catalogue.rows(ids)
        return rows[rows >= 0], [id_ for id_, row in zip(ids, rows, strict=True) if row < 0]

    def _allowed(self, allow: Sequence[str] | None, filters: Conditions | None) -> tuple[Mask | None, list[str]]:
        """(n,) what may be shown, None for everything, and the ids of `allow` that are unknown."""
        passed = self.filters.mask(filters) if filters else None
        if allow is None:
            return passed, []
        rows, unknown = self._known(allow)
        if unknown and not len(rows):
            raise self._nothing_known("allow", unknown)
        allowed = np.zeros(len(self.catalogue), dtype=bool)
        allowed[rows] = True
        return allowed if passed is None else allowed & passed, unknown

    @staticmethod
    def _nothing_known(field: str, ids: Sequence[str]) -> PromptrecError:
        return PromptrecError(
            f"{field}: none of its {len(ids)} ids is in the catalogue (the first is {ids[0]!r}); "
            "give ids of the items file"
        )


def current_backbone(workspace: Workspace) -> Path:
    """The folder of the backbone in use. Raises PromptrecError where nothing is trained."""
    pointer = workspace.backbones / "current"
    if not pointer.exists():
        raise PromptrecError(f"{workspace.backbones}: no backbone is trained here; run `promptrec train`")
    return workspace.backbones / str(read_json(pointer, "pointer to the current backbone")["version"])


def split_of(folder: Path, dataset: Dataset) -> Split:
    """The split that the backbone in `folder` was trained with; people who came later have their roles in it too."""
    card = read_json(folder / "config.json", "backbone config")["card"]
    protocol, items_out = card.get("protocol", "leave-one-out"), card.get("items_out", 0.0)
    return Split.of(dataset.histories, card["seed"], card["people_out"], items_out, protocol)
