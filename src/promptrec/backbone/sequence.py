"""The `sequence` backbone: histories in order, items by id and content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from promptrec.backbone.content_space import ContentSpace, known, portions
from promptrec.backbone.interface import Backbone
from promptrec.backbone.item_words import NO_WORDS, ItemWords, WordsOfItems
from promptrec.backbone.network import ItemContent, NetworkConfig, Reading, SequenceNetwork, unit
from promptrec.backbone.placement import Placement, mean_of_nearest
from promptrec.backbone.views import views_of
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.mapped import let_go, read_mapped
from promptrec.prompt.prompt import PromptShape
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

PREFIX_TOKENS, PREFIX_NUMBERS = 8, 1_024  # fewer tokens in a wide network, so that a prompt stays within 20 KB


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def centred(vectors: Vectors) -> torch.Tensor:
    """Content vectors without what all items have in common, at length one."""
    tensor = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    return F.normalize(tensor - tensor.mean(dim=0), dim=-1)


def other_contents(space: ContentSpace, items: int, others: Others | None) -> dict[str, torch.Tensor]:
    """What the network reads of the modalities besides text, of those that it was trained with."""
    return {name: own.content(known(others, name, items, own)).to(device()) for name, own in space.others.items()}


def item_content(
    space: ContentSpace, words: ItemWords, catalogue: Catalogue, vectors: Vectors, others: Others | None
) -> ItemContent:
    """What the network reads of a catalogue's items."""
    seen = other_contents(space, len(catalogue), others)
    return ItemContent(space.content(vectors).to(device()), seen, words_on_device(words, catalogue))


def words_on_device(words: ItemWords, catalogue: Catalogue) -> WordsOfItems | None:
    """None for a network without vectors of words."""
    return WordsOfItems(*(own.to(device()) for own in words.of(catalogue))) if words.words else None


class SequenceBackbone(Backbone):
    """A frozen `SequenceNetwork` over a catalogue, which may have got items since it was trained.

    An item's key is its trained vector, of length one, followed by its place in the content space. Without a prompt the
    second part of a query is zero, so the ranking is the trained network's; a prompt's shift can point at content there
    without bending what was learnt from behaviour. An item that was not trained on stands where its contents say
    (`placement.py`).
    """

    name = "sequence"

    def __init__(
        self,
        network: SequenceNetwork,
        space: ContentSpace,
        trained: tuple[str, ...],
        catalogue: Catalogue,
        vectors: Vectors,
        others: Others | None = None,
        words: ItemWords = NO_WORDS,
        placement: Placement | None = None,
    ) -> None:
        """trained: the ids of the items that the network's id parts belong to, in their order. placement: where new
        items stand; at the mean of the five whose contents are nearest where None."""
        self.network: SequenceNetwork = network.to(device()).eval().requires_grad_(False)
        self.space = space
        self.words = words
        self.trained = trained
        self.catalogue = catalogue
        self.placement = placement
        config = network.config
        digest = hashlib.sha256((fingerprint(network) + space.fingerprint + words.fingerprint).encode())
        digest.update("\0".join(trained).encode())
        self.fingerprint = digest.hexdigest()
        with torch.no_grad():
            seen = other_contents(space, len(catalogue), others)
            parts = self._content_parts(catalogue, vectors, seen)
            rows = torch.from_numpy(catalogue.rows(trained)).to(device())
            there = (rows >= 0) & self.network.item_id.weight.any(dim=1)
            parts.index_add_(0, rows[there], self.network.item_id.weight[there])
            keys = unit(parts, config.members)
            # What the network reads of an item is its key at its own length (that of each member's share), so that of
            # most the length alone is kept.
            self._apart = self._place_new_items(parts, keys, rows[there], vectors, others, seen)
            self._lengths = config.members**0.5 * self._shares(parts).norm(dim=-1, keepdim=True)  # (n, members, 1)
            self._read_apart = parts[self._apart]
            self._keys = torch.cat([keys, space.place(catalogue, vectors, others).to(device())], dim=-1)
        tokens = max(1, min(PREFIX_TOKENS, PREFIX_NUMBERS // config.width))
        self.prompt_shape = PromptShape(config.layers, tokens, config.width, self._keys.shape[1])

    def _content_parts(self, catalogue: Catalogue, vectors: Vectors, seen: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(n, width) what the items' content adds to their ids."""
        made, start = [], 0
        rest = ItemContent(torch.empty(len(vectors), 0), seen, words_on_device(self.words, catalogue))
        for part in portions(vectors):
            content = rest.take(slice(start, start + len(part)))
            made.append(self.network.content_parts(content._replace(text=self.space.content(part).to(device()))))
            start += len(part)
        return torch.cat(made)

    def _place_new_items(
        self,
        parts: torch.Tensor,
        keys: torch.Tensor,
        trained: torch.Tensor,
        vectors: Vectors,
        others: Others | None,
        seen: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """Give the rows that were not trained on what their contents say, in place. What their own content projects to
        lacks the id part, most of a trained vector, and ranks them too low.

        Returns the rows (m,), in order, whose part that the network reads points elsewhere than their key."""
        new = torch.ones(len(parts), dtype=torch.bool, device=parts.device)
        new[trained] = False
        rows, old = torch.nonzero(new)[:, 0].cpu(), trained.cpu()
        if not len(rows) or not len(old):
            return rows[:0].to(parts.device)
        if self.placement is None:
            contents = [self.space.content(vectors), *(own.cpu() for own in seen.values())]
            parts[new] = mean_of_nearest(contents, rows, old, parts[trained].cpu()).to(parts.device)
            keys[new] = unit(parts[new], self.network.config.members)
            return rows[:0].to(parts.device)
        views = views_of(self.catalogue, vectors, others, old.numpy())
        ranked, plain = self.placement.place(views, rows, old, keys[trained].cpu())
        keys[new] = ranked.to(keys.device)
        members = self.network.config.members
        lengths = members**0.5 * self._shares(parts[trained]).norm(dim=-1, keepdim=True).mean(dim=0)
        parts[new] = (self._shares(unit(plain.to(parts.device), members)) * lengths).flatten(1)
        return rows.to(parts.device)

    def over(self, catalogue: Catalogue, vectors: Vectors, others: Others | None = None) -> SequenceBackbone:
        """The same frozen model over another catalogue: items that are new in it are known by their content."""
        return SequenceBackbone(
            self.network, self.space, self.trained, catalogue, vectors, others, self.words, self.placement
        )

    def read(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, width) what the network reads of the items at `rows`, before it knows where in a history they stand."""
        keys = self._keys[:, : self.network.config.width].index_select(0, rows)
        found: torch.Tensor = (self._shares(keys) * self._lengths.index_select(0, rows)).flatten(1)
        if len(self._apart):
            place = torch.searchsorted(self._apart, rows).clamp(max=len(self._apart) - 1)
            found = torch.where((self._apart[place] == rows)[:, None], self._read_apart[place], found)
        return found

    def _shares(self, vectors: torch.Tensor) -> torch.Tensor:
        """(n, width) to (n, members, width of each)."""
        config = self.network.config
        return vectors.view(len(vectors), config.members, config.width // config.members)

    @property
    def device(self) -> torch.device:
        return self._keys.device

    @property
    def scale(self) -> float:
        """What cosines are multiplied with to become the logits of the training loss."""
        return float(self.network.log_scale.exp())

    def encode_items(self, rows: Rows | None = None) -> torch.Tensor:
        return self._keys if rows is None else self._keys[torch.from_numpy(rows).to(self._keys.device)]

    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        # Rows with prefixes of one size go together. A row without a prompt shares no computation with the others, so
        # that it is, to the bit, what it would be alone.
        groups: dict[tuple[tuple[int, ...], bool], list[int]] = {}
        for i, own in enumerate(tensors):
            groups.setdefault((own["prefix"].shape if "prefix" in own else (), "shift" in own), []).append(i)
        parts = [self._encode([histories[i] for i in g], [tensors[i] for i in g]) for g in groups.values()]
        back = torch.tensor([i for group in groups.values() for i in group]).argsort().to(self.device)
        return torch.cat(parts)[back]

    def _encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, torch.Tensor]]) -> torch.Tensor:
        stacked = {name: torch.stack([own[name] for own in tensors]).to(self._keys.device) for name in tensors[0]}
        return F.normalize(self.queries(histories, stacked), dim=-1)

    def queries(self, histories: Sequence[History], stacked: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """(b, d) queries before they are brought to length one; prefix (b, layers, 2, tokens, width), shift (b, d).

        The loss of tuning uses them as they are: a shift may lengthen a query, so that a prompt can speak louder
        without silencing the history. No ranking sees the length.
        """
        encoded = self.network(*self._inputs(histories), stacked.get("prefix"), last_only=True)[:, 0]
        queries: torch.Tensor = F.pad(encoded, (0, self._keys.shape[1] - encoded.shape[-1]))
        return queries + stacked["shift"] if "shift" in stacked else queries

    def read_to_last(self, histories: Sequence[History]) -> Reading:
        """Histories up to the last layer: all that a prefix there does not change."""
        return self.network.read_to_last(*self._inputs(histories))

    def _inputs(self, histories: Sequence[History]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The vectors of the events (n, width) with a row more, which event stands where (b, l) and when (b, l)."""
        nothing, where = len(self.catalogue), self.device
        rows, times = (own.to(where) for own in pad(histories, self.network.config.length, nothing))
        there = rows < nothing
        items = F.pad(self.read(rows[there]), (0, 0, 0, 1))  # a row more, where all histories are empty
        places = torch.full_like(rows, len(items))
        places[there] = torch.arange(len(items) - 1, device=where)
        return items, places, times

    def input_tensors(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """The prefix (layers, 2, t, width) of keys and values."""
        return {"prefix": self.network.input_prefix(vectors)}

    def input_vectors(self, rows: Rows) -> torch.Tensor:
        return self.read(torch.from_numpy(rows).to(self.device))

    def save(self, folder: Path, card: Mapping[str, Any]) -> None:
        """Write weights and config.json into an existing folder."""
        save_file(self.network.state_dict(), folder / "weights.safetensors")
        (folder / "items.json").write_text(json.dumps(self.trained, ensure_ascii=False), encoding="utf-8")
        config = {
            "backbone": self.name,
            "network": asdict(self.network.config),
            "fingerprint": self.fingerprint,
            "words": self.words.listed(),
            **self.space.save(folder),
            **({} if self.placement is None else {"placement": self.placement.save(folder)}),
        }
        write_json(folder / "config.json", {"schema_version": SCHEMA_VERSION, **config, "card": dict(card)})

    @classmethod
    def load(
        cls, folder: Path, catalogue: Catalogue, vectors: Vectors, others: Others | None = None
    ) -> SequenceBackbone:
        """Read a saved backbone. Raises PromptrecError for a missing or broken file."""
        config = read_json(folder / "config.json", "backbone config")
        weights, items = folder / "weights.safetensors", folder / "items.json"
        try:
            network = SequenceNetwork(NetworkConfig(**config["network"]))
            mapped = read_mapped(weights)
            network.load_state_dict({name: torch.from_numpy(own) for name, own in mapped.items()}, assign=True)
        except (ValueError, RuntimeError, OSError, TypeError) as error:
            raise PromptrecError(f"{weights}: the weights cannot be read ({error}); train again") from None
        try:
            trained = tuple(json.loads(items.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise PromptrecError(f"{items}: the trained items cannot be read ({error}); train again") from None
        if trained == catalogue.ids:
            trained = catalogue.ids  # the same strings once, not twice
        space, words = ContentSpace.load(folder, config), ItemWords.of_list(config.get("words", []))
        placement = Placement.load(folder, config.get("placement"))
        backbone = cls(network, space, trained, catalogue, vectors, others, words, placement)
        if backbone.fingerprint != config["fingerprint"]:
            raise PromptrecError(f"{weights}: the weights are not those of config.json; restore them or train again")
        let_go(mapped.values())  # the ids of a million items: 256 MB that `item_parts` holds as well
        return backbone


def pad(histories: Sequence[History], length: int, nothing: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The latest `length` events of each history, aligned right: rows (b, l) or `nothing`; times (b, l) or NaN."""
    longest = min(length, max([1, *(len(history) for history in histories)]))
    rows = np.full((len(histories), longest), nothing, dtype=np.int64)
    times = np.full((len(histories), longest), np.nan, dtype=np.float64)
    for i, history in enumerate(histories):
        latest = history.last(longest)
        if len(latest):
            rows[i, -len(latest) :] = latest.rows
            times[i, -len(latest) :] = latest.times
    return torch.from_numpy(rows), torch.from_numpy(times)


def fingerprint(network: torch.nn.Module) -> str:
    """SHA-256 over the bytes of all parameters and buffers, by name."""
    digest = hashlib.sha256()
    for name, tensor in sorted([*network.named_parameters(), *network.named_buffers()]):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
