"""The `sequence` backbone's queries without its padding: what a service computes most, in as little time as it takes.

The network of training works on histories that are padded to the longest one. Here all events of all histories are rows
of one matrix, attention alone pads, and of the last layer only the last position is computed. The numbers are the
backbone's up to rounding (`tests/serve/engine/test_packed.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from promptrec.backbone.network import Layer, gap_buckets
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.data.history import History

MOST_EVENTS = 768  # at once: what a layer makes of them stays in the processor's cache


class PackedSequence:
    """`encode` of one `SequenceBackbone`; it shares the backbone's weights."""

    def __init__(self, backbone: SequenceBackbone) -> None:
        self._backbone = backbone
        network = backbone.network
        self._length, self._width = network.config.length, network.config.width
        self._layers: list[Layer] = [layer for layer in network.layers if isinstance(layer, Layer)]

    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """(b, d) vectors of length one, as `SequenceBackbone.encode` gives them."""
        lengths = [min(len(history), self._length) or 1 for history in histories]
        queries = torch.zeros(
            len(histories), self._backbone.prompt_shape.shift, device=self._backbone.item_parts.device
        )
        for size, group in self._groups(lengths, tensors):
            prefix = torch.stack([tensors[i]["prefix"] for i in group]).to(queries.device) if size else None
            last = self._last([histories[i] for i in group], [lengths[i] for i in group], prefix)
            queries[group, : self._width] = last
        shifted = [i for i, own in enumerate(tensors) if "shift" in own]
        if shifted:
            queries[shifted] += torch.stack([tensors[i]["shift"] for i in shifted]).to(queries.device)
        return F.normalize(queries, dim=-1)

    def _groups(self, lengths: Sequence[int], tensors: Sequence[Mapping[str, Tensor]]) -> list[tuple[int, list[int]]]:
        """The size of the prefix and the places of histories that are encoded together, those of like lengths."""
        groups: list[tuple[int, list[int]]] = []
        sizes = [own["prefix"].shape[2] if "prefix" in own else 0 for own in tensors]
        events = MOST_EVENTS
        for place in sorted(range(len(lengths)), key=lambda i: (sizes[i], lengths[i])):
            events += lengths[place]
            if events > MOST_EVENTS or groups[-1][0] != sizes[place]:
                groups.append((sizes[place], []))
                events = lengths[place]
            groups[-1][1].append(place)
        return groups

    def _last(self, histories: Sequence[History], lengths: Sequence[int], prefix: Tensor | None) -> Tensor:
        """(b, width) the network's output at the last event of each history."""
        network, where = self._backbone.network, self._backbone.item_parts.device
        longest, batch = max(lengths), len(lengths)
        counts = np.array(lengths)
        first = longest - counts
        padded = np.arange(batch * longest)
        there = padded % longest >= np.repeat(first, longest)
        places = torch.from_numpy(padded[there]).to(where)  # of each event among the padded ones
        sources = torch.from_numpy(np.maximum(there.cumsum() - 1, 0)).to(where)  # of each padded one among the events
        x = self._input(histories, counts, there, longest, where)
        mask = _mask(torch.from_numpy(first).to(where), longest, prefix.shape[3] if prefix is not None else 0)
        ends = torch.from_numpy(counts.cumsum() - 1).to(where)
        for depth, layer in enumerate(self._layers):
            own = None if prefix is None else prefix[:, depth]
            if depth < len(self._layers) - 1:
                x = _layer(layer, x, places, sources, mask, own)
            else:
                x = _last_layer(layer, x, ends, sources, mask[:, :, -1:], own)
        return F.normalize(network.norm(x), dim=-1)

    def _input(
        self, histories: Sequence[History], counts: np.ndarray, there: np.ndarray, longest: int, where: torch.device
    ) -> Tensor:
        network = self._backbone.network
        rows = np.zeros(len(counts) * longest, dtype=np.int64)
        times = np.full(len(counts) * longest, np.nan)
        empty = []
        for i, history in enumerate(histories):
            end = (i + 1) * longest
            if len(history):
                rows[end - counts[i] : end] = history.rows[-counts[i] :]
                times[end - counts[i] : end] = history.times[-counts[i] :]
            else:
                empty.append(int(counts[:i].sum()))
        places = np.flatnonzero(there)
        items = self._backbone.item_parts.index_select(0, torch.from_numpy(rows[places]).to(where))
        if empty:
            items[empty] = 0.0  # a person who did nothing stands at a place without an item
        position = network.position.weight[-longest:].index_select(0, torch.from_numpy(places % longest).to(where))
        if np.isnan(times).all():
            return items.add_(position).add_(network.gap.weight[0])
        gaps = gap_buckets(torch.from_numpy(times.reshape(len(counts), longest)).to(where)).view(-1)
        gaps = gaps.index_select(0, torch.from_numpy(places).to(where))
        return items.add_(position).add_(network.gap.weight.index_select(0, gaps))


def _mask(first: Tensor, longest: int, tokens: int) -> Tensor:
    """(b, 1, l, tokens + l) what each place attends to: the events up to it, itself, and all of a prefix."""
    place = torch.arange(longest, device=first.device)
    causal = place[:, None] >= place
    mask = (causal & (place >= first[:, None, None])) | (place[:, None] == place)
    return F.pad(mask, (tokens, 0), value=True)[:, None]


def _layer(layer: Layer, x: Tensor, places: Tensor, sources: Tensor, mask: Tensor, prefix: Tensor | None) -> Tensor:
    parts = layer.query_key_value(layer.attention_norm(x))
    q, k, v = _padded(parts, sources, len(mask)).chunk(3, dim=-1)
    attended = _attend(layer, q, k, v, mask, prefix).view(-1, x.shape[1]).index_select(0, places)
    return _feed(layer, x, attended)


def _last_layer(layer: Layer, x: Tensor, ends: Tensor, sources: Tensor, mask: Tensor, prefix: Tensor | None) -> Tensor:
    width, normed = x.shape[1], layer.attention_norm(x)
    weight, bias = layer.query_key_value.weight, layer.query_key_value.bias
    x = x.index_select(0, ends)
    q = F.linear(normed.index_select(0, ends), weight[:width], bias[:width])[:, None]
    k, v = _padded(F.linear(normed, weight[width:], bias[width:]), sources, len(mask)).chunk(2, dim=-1)
    return _feed(layer, x, _attend(layer, q, k, v, mask, prefix).view(-1, width))


def _padded(parts: Tensor, sources: Tensor, batch: int) -> Tensor:
    """(batch, l, width); the mask hides what stands where there is no event, here the event before."""
    return parts.index_select(0, sources).view(batch, -1, parts.shape[1])


def _attend(layer: Layer, q: Tensor, k: Tensor, v: Tensor, mask: Tensor, prefix: Tensor | None) -> Tensor:
    if prefix is not None:
        k, v = torch.cat([prefix[:, 0], k], dim=1), torch.cat([prefix[:, 1], v], dim=1)
    batch, _, width = q.shape
    q, k, v = (part.view(batch, -1, layer.heads, width // layer.heads).transpose(1, 2) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(batch, -1, width)


def _feed(layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
    x = x + layer.attention_out(attended)
    fed: Tensor = x + layer.feed(layer.feed_norm(x))
    return fed
