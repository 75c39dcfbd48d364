"""The `sequence` backbone's queries without its padding: what a service computes most, in as little time as it takes.

The network of training works on histories that are padded to the longest one. Here all events of all histories are rows
of one matrix, attention alone pads, and of the last layer only the last position is computed. What the network makes of
a history does not depend on a prompt without a prefix, so that the latest histories are looked up: a page of several
lists, each with its prompt, a filter that is changed and a page that is loaded again read the history once. The numbers
are the backbone's up to rounding (`tests/serve/engine/test_packed.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from promptrec.backbone.network import Layer, at_layer, gap_buckets, unit
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.data.history import History
from promptrec.index.contract import Vectors
from promptrec.serve.engine.history_cache import HistoryCache

MOST_EVENTS = 768  # at once: what a layer makes of them stays in the processor's cache
EPSILON = 1e-12  # as torch's normalize has it
NOBODY, UNKNOWN = np.zeros(1, dtype=np.int64), np.full(1, np.nan)


class PackedSequence:
    """`encode` of one `SequenceBackbone`; it shares the backbone's weights."""

    def __init__(self, backbone: SequenceBackbone) -> None:
        self._backbone = backbone
        config = backbone.network.config
        self._length, self._width = config.length, config.width
        self._layers: list[Layer] = [layer for layer in backbone.network.layers if isinstance(layer, Layer)]
        self.cache = HistoryCache(self._plain, config.width, config.length)

    def encode(self, histories: Sequence[History], tensors: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """(b, d) vectors of length one, as `SequenceBackbone.encode` gives them."""
        # In numpy, whose calls on a few numbers take a third of the time.
        queries = np.zeros((len(histories), self._backbone.prompt_shape.shift), dtype=np.float32)
        plain = [i for i, own in enumerate(tensors) if "prefix" not in own]
        if plain:
            queries[plain, : self._width] = self.cache.vectors([histories[i] for i in plain])
        sizes = {i: tuple(own["prefix"].shape) for i, own in enumerate(tensors) if "prefix" in own}
        for group in self._groups(histories, sizes):
            prefix = torch.stack([tensors[i]["prefix"] for i in group]).to(self._backbone.device)
            queries[group, : self._width] = self._last([histories[i] for i in group], prefix)
        for query, own in zip(queries, tensors, strict=True):
            if "shift" in own:
                query += own["shift"].float().cpu().numpy()
        queries /= np.maximum(np.linalg.norm(queries, axis=1, keepdims=True), EPSILON)
        return torch.from_numpy(queries).to(self._backbone.device)

    def _plain(self, histories: Sequence[History]) -> Vectors:
        """(b, width) what the network makes of histories without a prompt."""
        made = np.empty((len(histories), self._width), dtype=np.float32)
        for group in self._groups(histories, dict.fromkeys(range(len(histories)), ())):
            made[group] = self._last([histories[i] for i in group], None)
        return made

    def _events(self, history: History) -> int:
        return min(len(history), self._length) or 1

    def _groups(self, histories: Sequence[History], sizes: Mapping[int, tuple[int, ...]]) -> list[list[int]]:
        """The places of histories that are encoded together, those of like lengths; sizes: of the prefix, by place."""
        groups: list[list[int]] = []
        events, size = MOST_EVENTS, None
        for place in sorted(sizes, key=lambda i: (sizes[i], len(histories[i]))):
            events += self._events(histories[place])
            if events > MOST_EVENTS or size != sizes[place]:
                groups.append([])
                events, size = self._events(histories[place]), sizes[place]
            groups[-1].append(place)
        return groups

    def _last(self, histories: Sequence[History], prefix: Tensor | None) -> Vectors:
        """(b, width) the network's output at the last event of each history."""
        network, where = self._backbone.network, self._backbone.device
        counts = np.array([self._events(history) for history in histories])
        longest, ends = int(counts.max()), counts.cumsum()
        x = self._input(histories, counts, ends)
        # Where attention pads, histories begin at the left, so that one mask hides from each event those after it and
        # whatever stands where there is none.
        first = torch.from_numpy(ends - counts).to(where)
        place = torch.arange(longest, device=where)
        padded = (first[:, None] + place).clamp(max=len(x) - 1)  # (b, l) the event at each padded place
        lengths = torch.from_numpy(counts).to(where)
        there = torch.nonzero((place < lengths[:, None]).view(-1))[:, 0]  # the padded place of each event
        tokens = 0 if prefix is None else prefix.shape[3]
        later = x.new_full((longest, longest), -torch.inf).triu(1)[None]
        beyond = F.pad(x.new_zeros(padded.shape).masked_fill_(place >= lengths[:, None], -torch.inf), (tokens, 0))
        for depth, layer in enumerate(self._layers):
            own = at_layer(prefix, depth - len(self._layers))
            if depth < len(self._layers) - 1:
                x = _layer(layer, x, padded, there, later, own)
            else:
                x = _last_layer(layer, x, first + lengths - 1, padded, beyond, own)
        last: Vectors = unit(network.norm(x), network.config.members).float().cpu().numpy()
        return last

    def _input(self, histories: Sequence[History], counts: np.ndarray, ends: np.ndarray) -> Tensor:
        """(events, width) what the first layer reads."""
        network, where = self._backbone.network, self._backbone.device
        rows = np.concatenate([history.rows[-self._length :] if len(history) else NOBODY for history in histories])
        items = self._backbone.read(torch.from_numpy(rows).to(where))
        empty = [int(end) - 1 for end, history in zip(ends, histories, strict=True) if not len(history)]
        if empty:
            items[empty] = 0.0  # a person who did nothing stands at a place without an item
        before_last = np.repeat(ends, counts) - np.arange(1, len(rows) + 1)
        places = torch.from_numpy(self._length - 1 - before_last).to(where)
        x = items.add_(network.position.weight.index_select(0, places))
        times = np.concatenate([history.times[-self._length :] if len(history) else UNKNOWN for history in histories])
        if np.isnan(times).all():
            return x.add_(network.gap.weight[0])
        gaps = gap_buckets(torch.from_numpy(times)[None].to(where))[0]
        gaps[torch.from_numpy(ends - counts).to(where)] = 0  # the first event of each history has none before it
        return x.add_(network.gap.weight.index_select(0, gaps))


def _layer(layer: Layer, x: Tensor, padded: Tensor, there: Tensor, later: Tensor, prefix: Tensor | None) -> Tensor:
    """padded (b, l) and there (events,) lead from events to padded places and back; later (1, l, l) is -inf where
    a key comes after a query."""
    (batch, longest), width = padded.shape, x.shape[1]
    q, k, v = _by_head(layer.query_key_value(layer.attention_norm(x)), padded, layer.heads, 3)
    k, v = _with_prefix(k, v, prefix)
    later = later if prefix is None else F.pad(later, (prefix.shape[2], 0))
    scores = torch.baddbmm(later, q, k.transpose(1, 2), alpha=q.shape[2] ** -0.5)
    attended = torch.bmm(scores.softmax(dim=-1), v).view(batch * layer.heads * longest, -1)
    first = (there // longest * layer.heads * longest) + there % longest
    places = first[:, None] + torch.arange(layer.heads, device=x.device) * longest
    return _feed(layer, x, attended.index_select(0, places.view(-1)).view(-1, width))


def _last_layer(layer: Layer, x: Tensor, ends: Tensor, padded: Tensor, beyond: Tensor, prefix: Tensor | None) -> Tensor:
    """ends (b,): the last event of each history; beyond (b, tokens + l) is -inf where a history has no event."""
    batch, width, normed = len(ends), x.shape[1], layer.attention_norm(x)
    weight, bias = layer.query_key_value.weight, layer.query_key_value.bias
    k, v = _by_head(F.linear(normed, weight[width:], bias[width:]), padded, layer.heads, 2)
    k, v = _with_prefix(k, v, prefix)
    q = F.linear(normed.index_select(0, ends), weight[:width], bias[:width]).view(batch * layer.heads, 1, -1)
    scores = torch.bmm(q, k.transpose(1, 2)).view(batch, layer.heads, -1) * q.shape[2] ** -0.5 + beyond[:, None]
    attended = torch.bmm(scores.softmax(dim=-1).view(batch * layer.heads, 1, -1), v)
    return _feed(layer, x.index_select(0, ends), attended.view(batch, width))


def _by_head(parts: Tensor, padded: Tensor, heads: int, count: int) -> tuple[Tensor, ...]:
    """Of parts (events, count * width) each as (b * heads, l, width / heads), in one gathering."""
    batch, longest = padded.shape
    part = torch.arange(count, device=parts.device)[:, None, None, None] * heads
    head = torch.arange(heads, device=parts.device)[:, None]
    places = padded[:, None] * (count * heads) + head + part  # (count, b, heads, l)
    size = parts.shape[1] // (count * heads)
    return parts.view(-1, size).index_select(0, places.view(-1)).view(count, batch * heads, longest, size).unbind()


def _with_prefix(k: Tensor, v: Tensor, prefix: Tensor | None) -> tuple[Tensor, Tensor]:
    """prefix (b, 2, tokens, width) before the keys and values of its history."""
    if prefix is None:
        return k, v
    batch, _, tokens, _ = prefix.shape
    own = prefix.view(batch, 2, tokens, -1, k.shape[2]).permute(1, 0, 3, 2, 4).reshape(2, len(k), tokens, -1)
    return torch.cat([own[0], k], dim=1), torch.cat([own[1], v], dim=1)


def _feed(layer: Layer, x: Tensor, attended: Tensor) -> Tensor:
    x = x + layer.attention_out(attended)
    fed: Tensor = x + layer.feed(layer.feed_norm(x))
    return fed
