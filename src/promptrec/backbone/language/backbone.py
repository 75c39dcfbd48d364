"""The `language` backbone: words in, what is compared out; a prompt is vectors before the words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.interface import Backbone, Pace
from promptrec.backbone.language.bridge import Bridge
from promptrec.backbone.language.items import ItemTexts
from promptrec.backbone.language.model import LanguageModel
from promptrec.backbone.language.projection import Projection
from promptrec.backbone.language.template import QUERY_TOKENS, Template
from promptrec.backbone.sequence import device
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.history import EMPTY, History
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.models.finding import find
from promptrec.prompt.prompt import Prompt, PromptShape
from promptrec.prompt.query import Query
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

PROMPT_TOKENS = 8
SCALE = 20.0
NO_TOKEN = -1


class LanguageBackbone(Backbone):
    """A frozen language model and a projection of its vectors.

    An item's key is its text, read once. A query is the request, the interests and the titles of the history in one
    reading. A prompt has `input` (tokens, width): vectors that stand before these words; `words` (t,): the tokens of a
    sentence that stands there; `gate` and `shift` (d,): what each number of the projected vector
    is multiplied with, less one, and what is then added; `weight`: of a request's words against the
    history, where it is not one half.
    """

    name = "language"
    placed = False
    pace = Pace(steps=250, batch=16, check_every=25, chooses=200, scored=500, read=10, moving=1e-3, rate=5e-3)

    def __init__(
        self,
        model: LanguageModel,
        model_name: str,
        projection: Projection,
        space: ContentSpace,
        items: ItemTexts,
        catalogue: Catalogue,
        bridge: Bridge | None = None,
    ) -> None:
        """bridge: for requests in another language than the items', where one was fitted."""
        self.model = model
        self.bridge = bridge
        self.model_name = model_name
        self.network = model.network
        self.projection = projection
        self.space = space
        self.items = items
        self.catalogue = catalogue
        self.template = Template(model, catalogue)
        self._keys = projection(items.vectors(catalogue.texts))
        self._usual = F.normalize(self._keys.mean(dim=0), dim=0)  # the query where there is nothing to read
        self.fingerprint = hashlib.sha256(
            "\0".join([model.hash, projection.fingerprint, space.fingerprint, str(QUERY_TOKENS)]).encode()
            + (b"" if bridge is None else bridge.fingerprint.encode())
        ).hexdigest()
        self.prompt_shape = PromptShape(
            layers=0, tokens=PROMPT_TOKENS, width=model.width, shift=model.width, gate=model.width
        )

    def over(self, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> LanguageBackbone:  # noqa: ARG002, it reads texts itself
        """The same frozen model over another catalogue; only texts that are new in it are read."""
        return LanguageBackbone(
            self.model, self.model_name, self.projection, self.space, self.items, catalogue, self.bridge
        )

    @property
    def scale(self) -> float:
        return SCALE

    def encode_items(self, rows: Rows | None = None) -> Tensor:
        return self._keys if rows is None else self._keys[torch.from_numpy(rows).to(self._keys.device)]

    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, Tensor]]) -> Tensor:
        # Rows whose prompts have the same tensors go together.
        groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
        for i, own in enumerate(tensors):
            kinds = tuple(sorted((name, len(own[name]) if name == "input" else 0) for name in own))
            groups.setdefault(kinds, []).append(i)
        parts = [self._encode([histories[i] for i in g], [tensors[i] for i in g]) for g in groups.values()]
        back = torch.tensor([i for group in groups.values() for i in group]).argsort().to(self._keys.device)
        return torch.cat(parts)[back]

    def _encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, Tensor]]) -> Tensor:
        where = self._keys.device
        names = [name for name in tensors[0] if name not in ("words", "weight")]
        stacked = {name: torch.stack([own[name] for own in tensors]).to(where) for name in names}
        silent = dict(stacked)
        if "words" in tensors[0]:
            ids = [own["words"] for own in tensors]
            stacked["words"] = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=NO_TOKEN)
        queries = F.normalize(self.queries(histories, stacked), dim=-1)
        if "weight" not in tensors[0]:
            return queries
        weight = torch.stack([own["weight"] for own in tensors]).to(where)[:, None]
        alone = F.normalize(self.queries([EMPTY] * len(histories), stacked), dim=-1)
        without = F.normalize(self.queries(histories, silent), dim=-1)
        other = torch.where(weight > 0.5, alone, without)
        return F.normalize((1 - (2 * weight - 1).abs()) * queries + (2 * weight - 1).abs() * other, dim=-1)

    def queries(self, histories: Sequence[History], stacked: Mapping[str, Tensor]) -> Tensor:
        """(b, d) projected vectors of length one, gated and shifted.

        input (b, tokens, width), gate and shift (b, d), words (b, t) tokens or -1.
        """
        words = stacked["words"].tolist() if "words" in stacked else [[]] * len(histories)
        said = [[token for token in own if token != NO_TOKEN] for own in words]
        texts = [self.template.render(history, own) for history, own in zip(histories, said, strict=True)]
        read = self.model.read(texts, stacked.get("input"))
        if self.bridge is not None:
            requests = [
                f"{history.asked or ''} {self.model.text(own)}" for history, own in zip(histories, said, strict=True)
            ]
            carried = torch.tensor([self.bridge.carries(request) for request in requests], device=read.device)
            read = torch.where(carried[:, None], self.bridge(read), read)
        read = self.projection(read)
        silent = torch.tensor([not text for text in texts], device=read.device) & ("input" not in stacked)
        return self.moved(torch.where(silent[:, None], self._usual, read), stacked)

    def leaves(self, query: Query) -> list[tuple[Prompt | None, float]]:
        """A request is read together with each of the other prompts of a mix instead of being a part of its own."""
        leaves = query.leaves()
        asked = next((prompt for prompt, _ in leaves if prompt is not None and prompt.name == "request"), None)
        others = [(prompt, weight) for prompt, weight in leaves if prompt is not None and prompt is not asked]
        if asked is None or not others:
            return leaves
        self.check(asked)
        total = sum(weight for _, weight in others)
        return [(_said(prompt, asked), weight / total) for prompt, weight in others]

    def input_tensors(self, vectors: Tensor) -> dict[str, Tensor]:
        return {"input": vectors}

    def input_vectors(self, rows: Rows) -> Tensor:
        """(8, width) the input vectors of the items' titles, again from the first where they end."""
        return self.word_vectors("; ".join(self.catalogue.title(int(row)) for row in rows))

    def word_vectors(self, text: str) -> Tensor:
        """(8, width) the input vectors of the first words of a text, again from the first where it ends, as PEFT's
        TEXT has it. Raises PromptrecError for a text without words."""
        ids = self.model.ids(text)
        if not ids:
            raise PromptrecError("text: it has no words to begin at")
        return self.model.vectors_of((ids * PROMPT_TOKENS)[:PROMPT_TOKENS])

    def drawn_vectors(self, initial: str, draw: torch.Generator) -> Tensor:
        """(8, width) of words drawn from the vocabulary (SAMPLE_VOCAB), or drawn with its spread (RANDOM)."""
        table = self.model.words.weight
        if initial == "SAMPLE_VOCAB":
            return self.model.vectors_of(torch.randint(len(table), (PROMPT_TOKENS,), generator=draw).tolist())
        drawn: Tensor = torch.randn(PROMPT_TOKENS, self.model.width, generator=draw) * float(table.std())
        return drawn.to(table.device)

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write the projection, the items' vectors and config.json into an existing folder; the model stays where it
        is."""
        tensors = {"centre": self.projection.centre, "directions": self.projection.directions}
        tensors |= {} if self.bridge is None else self.bridge.tensors()
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, folder / "weights.safetensors")
        self.items.save(folder)
        config = {
            "backbone": self.name,
            "model": self.model_name,
            "model_hash": self.model.hash,
            "fingerprint": self.fingerprint,
            **({} if self.bridge is None else self.bridge.config()),
            **self.space.save(folder),
        }
        write_json(folder / "config.json", {"schema_version": SCHEMA_VERSION, **config, "card": dict(card)})

    @classmethod
    def load(
        cls,
        folder: Path,
        catalogue: Catalogue,
        vectors: Vectors,  # noqa: ARG003
        others: Others | None = None,  # noqa: ARG003
    ) -> LanguageBackbone:
        """Read a saved backbone. Raises PromptrecError for a missing or broken file, or a model that is not found."""
        config = read_json(folder / "config.json", "backbone config")
        weights = folder / "weights.safetensors"
        try:
            saved = load_file(weights, device=str(device()))
            projection = Projection(saved["centre"], saved["directions"])
            bridge = Bridge.of(saved, config)
        except (SafetensorError, OSError, KeyError) as error:
            raise PromptrecError(f"{weights}: the weights cannot be read ({error}); train again") from None
        space = ContentSpace.load(folder, config)
        try:
            model = LanguageModel(find(str(config["model"])))
        except NotFoundError as error:
            raise PromptrecError(f"{folder}: {error}") from None
        if model.hash != config["model_hash"]:
            raise PromptrecError(
                f"{model.folder}: this is not the model that {config['model']!r} was when the backbone was trained; "
                "restore it or train again"
            )
        items = ItemTexts(model, folder / "items.safetensors")
        backbone = cls(model, str(config["model"]), projection, space, items, catalogue, bridge)
        if backbone.fingerprint != config["fingerprint"]:
            raise PromptrecError(f"{weights}: the weights are not those of config.json; restore them or train again")
        return backbone


def _said(prompt: Prompt, asked: Prompt) -> Prompt:
    """A prompt with the request's words after its own."""
    words = [own.tensors["words"] for own in (prompt, asked) if "words" in own.tensors]
    return replace(prompt, tensors={**prompt.tensors, **asked.tensors, "words": torch.cat(words)})
