"""The network of the `sequence` backbone: a causal transformer that a prompt can enter at every layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from promptrec.backbone.dropout import Dropout
from promptrec.backbone.item_words import WordsOfItems

GAPS = 12
TEXT = "text"


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes and regularisation; the defaults are those that won on validation. modalities: the widths of the vectors of
    those besides text, by name. words: how many attribute words have a vector of their own. members: how many networks
    stand side by side in the width (`ensemble.py`)."""

    items: int
    content_width: int
    width: int = 64
    layers: int = 2
    heads: int = 2
    length: int = 100
    dropout: float = 0.2
    id_dropout: float = 0.1
    content_dropout: float = 0.3
    temperature: float = 0.07
    modalities: Mapping[str, int] = field(default_factory=dict)
    modality_dropout: float = 0.2
    words: int = 0
    members: int = 1


class ItemContent(NamedTuple):
    """What the network reads of items besides their ids: vectors of their texts (n, content width) and of the other
    modalities (n, width of each), zeros where one is missing, and their attribute words."""

    text: Tensor
    others: Mapping[str, Tensor] = {}
    words: WordsOfItems | None = None

    def take(self, rows: Tensor | slice) -> ItemContent:
        others = {name: own[rows] for name, own in self.others.items()}
        words = None if self.words is None else WordsOfItems(*(own[rows] for own in self.words))
        return ItemContent(self.text[rows], others, words)


class MemberNorm(nn.GroupNorm):
    """Layer norm of each member's share of the width apart."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.reshape(-1, x.shape[-1])).view(x.shape)


def layer_norm(config: NetworkConfig) -> nn.Module:
    return nn.LayerNorm(config.width) if config.members == 1 else MemberNorm(config.members, config.width)


def unit(x: Tensor, members: int) -> Tensor:
    """x (..., width) at length one, to which every member's share adds as much, so that products of two are the mean
    of the members' cosines."""
    if members == 1:
        return F.normalize(x, dim=-1)
    shares = F.normalize(x.view(*x.shape[:-1], members, x.shape[-1] // members), dim=-1)
    found: Tensor = shares.flatten(-2) / members**0.5
    return found


class Reading(NamedTuple):
    """What a layer has made of histories before a prompt enters: its input x (b, l, width) with queries, keys and
    values of the same size, and the mask (b, 1, l, l). Of the last position alone x (b, 1, width), q and the mask."""

    x: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    mask: Tensor

    def take(self, rows: Tensor) -> Reading:
        return Reading(*(part[rows] for part in self))


def joined(parts: Sequence[Reading]) -> Reading:
    """Readings of the last position, one after the other; shorter histories have nothing before them."""
    longest = max(part.k.shape[1] for part in parts)

    def wider(part: Reading) -> Reading:
        more = longest - part.k.shape[1]
        return part._replace(
            k=F.pad(part.k, (0, 0, more, 0)), v=F.pad(part.v, (0, 0, more, 0)), mask=F.pad(part.mask, (more, 0))
        )

    return Reading(*(torch.cat(own) for own in zip(*map(wider, parts), strict=True)))


class Layer(nn.Module):
    """Pre-norm attention and feed-forward; keys and values may be preceded by a prompt's."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.dropout = config.dropout
        self.attention_norm = layer_norm(config)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = layer_norm(config)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), Dropout(config.dropout), nn.Linear(4 * width, width)
        )
        self.drop = Dropout(config.dropout)

    def forward(self, x: Tensor, mask: Tensor, prefix: Tensor | None, last_only: bool) -> Tensor:
        """x (b, l, width); mask (b, 1, l, l) true where attended; prefix (b, 2, tokens, width). With `last_only`,
        only the last position is computed: (b, 1, width)."""
        return self.attend(self.read(x, mask, last_only), prefix)

    def read(self, x: Tensor, mask: Tensor, last_only: bool) -> Reading:
        q, k, v = self.query_key_value(self.attention_norm(x)).chunk(3, dim=-1)
        return Reading(x[:, -1:], q[:, -1:], k, v, mask[:, :, -1:]) if last_only else Reading(x, q, k, v, mask)

    def attend(self, reading: Reading, prefix: Tensor | None) -> Tensor:
        x, q, k, v, mask = reading
        batch, _, width = k.shape
        if prefix is not None:
            k = torch.cat([prefix[:, 0], k], dim=1)
            v = torch.cat([prefix[:, 1], v], dim=1)
            mask = F.pad(mask, (prefix.shape[2], 0), value=True)
        q, k, v = (part.view(batch, -1, self.heads, width // self.heads).transpose(1, 2) for part in (q, k, v))
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        x = x + self.drop(self.attention_out(attended.transpose(1, 2).reshape(batch, -1, width)))
        fed: Tensor = x + self.drop(self.feed(self.feed_norm(x)))
        return fed


class SequenceNetwork(nn.Module):
    """Q and K before they are brought to length one.

    An item's vector is a learnt id part plus a projection of its frozen content vector and, where the network has any,
    the learnt vectors of its attribute words. Dropping the id part of random items in training makes an item with no
    events rank by its content. Where there are modalities besides text, each
    has a projection of its own and a gate, which is learnt and looks at the vector: the content part is the sum of the
    projections, weighted by the softmax of the gates of those that the item has. In training random modalities of
    random items are dropped, so that an item may lack any.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.item_id = nn.Embedding(config.items, width)
        self.project_content = nn.Linear(config.content_width, width, bias=False)
        self.position = nn.Embedding(config.length, width)
        self.gap = nn.Embedding(GAPS, width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = layer_norm(config)
        self.drop = Dropout(config.dropout)
        self.content_drop = Dropout(config.content_dropout)
        self.log_scale = nn.Parameter(-torch.tensor(config.temperature).log())
        self.project_others = nn.ModuleDict(
            {name: nn.Linear(size, width, bias=False) for name, size in config.modalities.items()}
        )
        gated = {TEXT: config.content_width, **config.modalities} if config.modalities else {}
        self.gates = nn.ModuleDict({name: nn.Linear(size, config.members) for name, size in gated.items()})
        drawn = [self.item_id.weight, self.project_content.weight, *self.project_others.parameters()]
        if config.words:
            self.word = nn.Embedding(config.words + 1, width, padding_idx=config.words)
            drawn.append(self.word.weight)
        for weight in drawn:
            nn.init.normal_(weight, std=width**-0.5)
        for weight in (self.position.weight, self.gap.weight):
            nn.init.normal_(weight, std=0.02)
        for weight in self.gates.parameters():
            nn.init.zeros_(weight)

    def item_vectors(self, content: ItemContent, rows: Tensor | None = None) -> Tensor:
        """(n, width) of the items at `rows` (all items where None), from the content of all."""
        ids: Tensor = self.item_id.weight if rows is None else self.item_id(rows)
        if self.training:
            ids = ids * (torch.rand(len(ids), 1, device=ids.device) > self.config.id_dropout)
        return ids + self.content_parts(content if rows is None else content.take(rows))

    def content_parts(self, content: ItemContent) -> Tensor:
        """(n, width) what the content of items adds to their ids."""
        found = self._modalities(content)
        if content.words is None:
            return found
        rows, weights = content.words
        nothing = self.config.words
        return found + F.embedding_bag(
            rows, self.word.weight, mode="sum", per_sample_weights=weights, padding_idx=nothing
        )

    def _modalities(self, content: ItemContent) -> Tensor:
        """(n, width) of texts and whatever else has vectors; a vector of zeros is a modality that is missing."""
        text: Tensor = self.project_content(self.content_drop(content.text))
        if not self.gates:
            return text
        given = {TEXT: content.text, **content.others}
        parts = [text]
        parts += [projection(self.content_drop(given[name])) for name, projection in self.project_others.items()]
        present = torch.stack([own.any(dim=-1) for own in given.values()], dim=-1)
        if self.training:
            kept = present & (torch.rand(present.shape, device=present.device) > self.config.modality_dropout)
            present = torch.where(kept.any(dim=-1, keepdim=True), kept, present)
        gates = torch.stack([self.gates[name](own) for name, own in given.items()], dim=-1)  # (n, members, modalities)
        weights = gates.masked_fill(~present[:, None], -torch.inf).softmax(dim=-1).nan_to_num()
        members, width = self.config.members, self.config.width
        shares = torch.stack(parts, dim=-1).view(len(text), members, width // members, len(parts))
        return (shares * weights[:, :, None]).sum(dim=-1).flatten(1)

    def input_prefix(self, tokens: Tensor) -> Tensor:
        """The keys and values (layers, 2, t, width) that vectors (t, width) have when they stand before a history.

        Vectors in front see only one another, so their keys and values do not depend on the history: an input prefix
        is a prefix at every layer that is made of fewer numbers.
        """
        x, parts = tokens[None], []
        mask = torch.ones(1, 1, len(tokens), len(tokens), dtype=torch.bool, device=tokens.device)
        for layer in self.layers:
            assert isinstance(layer, Layer)
            _, key, value = layer.query_key_value(layer.attention_norm(x)).chunk(3, dim=-1)
            parts.append(torch.cat([key, value]))
            x = layer(x, mask, None, last_only=False)
        return torch.stack(parts)

    def forward(
        self, items: Tensor, rows: Tensor, times: Tensor, prefix: Tensor | None = None, last_only: bool = False
    ) -> Tensor:
        """items (n, width) from `item_vectors`; rows (b, l) aligned right, n where there is nothing; times (b, l) in
        seconds, NaN where unknown; prefix (b, layers, 2, tokens, width), of fewer layers where it enters only the last.
        Returns (b, l, width), or (b, 1, width) with `last_only`, of length one."""
        x, mask = self._before_last(items, rows, times, prefix)
        x = self._last_layer(x, mask, at_layer(prefix, -1), last_only)
        return unit(self.norm(x), self.config.members)

    def read_to_last(self, items: Tensor, rows: Tensor, times: Tensor) -> Reading:
        """Histories as the last layer reads them, as `forward` takes them, with nothing left to compute but
        `from_last`."""
        return self._last_layer.read(*self._before_last(items, rows, times, None), last_only=True)

    def from_last(self, reading: Reading, prefix: Tensor) -> Tensor:
        """(b, width) of length one; prefix (b, 1, 2, tokens, width)."""
        return unit(self.norm(self._last_layer.attend(reading, prefix[:, -1])), self.config.members)[:, 0]

    @property
    def _last_layer(self) -> Layer:
        last = self.layers[-1]
        assert isinstance(last, Layer)
        return last

    def _before_last(self, items: Tensor, rows: Tensor, times: Tensor, prefix: Tensor | None) -> tuple[Tensor, Tensor]:
        """What the last layer gets, (b, l, width), and the mask (b, 1, l, l)."""
        length = rows.shape[1]
        present = rows < len(items)
        there = items[rows.clamp(max=len(items) - 1)].masked_fill(~present[..., None], 0.0)
        x = self.drop(there + self.position.weight[-length:] + self.gap(gap_buckets(times)))
        causal = torch.ones(length, length, dtype=torch.bool, device=rows.device).tril()
        itself = torch.eye(length, dtype=torch.bool, device=rows.device)
        mask = (causal & present[:, None, None, :]) | itself
        for below, layer in enumerate(self.layers[:-1], -len(self.layers)):
            x = layer(x, mask, at_layer(prefix, below), False)
        return x, mask


def at_layer(prefix: Tensor | None, layer: int) -> Tensor | None:
    """Of a prefix (b, layers, 2, tokens, width) what enters a layer, counted from the end: -1 is the last."""
    return None if prefix is None or -layer > prefix.shape[1] else prefix[:, layer]


def gap_buckets(times: Tensor) -> Tensor:
    """The time since the event before in logarithmic buckets: 0 for none or unknown, then a factor of four each."""
    gaps = F.pad(times[:, 1:] - times[:, :-1], (1, 0)).nan_to_num(0.0).clamp(min=0)
    return ((gaps + 1).log2() / 2).clamp(max=GAPS - 1).long()
