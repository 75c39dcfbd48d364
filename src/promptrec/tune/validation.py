"""Many prompts on the same questions: what a search asks hundreds of times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from promptrec.backbone.interface import Backbone
from promptrec.backbone.network import joined
from promptrec.backbone.sequence import SequenceBackbone, device
from promptrec.data.catalogue import Rows
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query

CHUNK = 256
KEPT = 1 << 24  # scores, 64 MB


class Questions:
    """Examples with their histories read once. A prompt that only shifts the query adds the same to an item's score
    for everybody: where the scores without it are few enough to keep, it costs one sum and a comparison.

    candidates: the items that are ranked, all where None.
    """

    def __init__(self, backbone: Backbone, examples: Examples, candidates: Rows | None = None) -> None:
        self.backbone, self.examples, self.candidates = backbone, examples, candidates
        self.histories = list(examples)
        self.targets = torch.from_numpy(examples.targets).to(device())
        self.keys = backbone.encode_items()
        self.plain = plain_queries(backbone, self.histories)

    def __len__(self) -> int:
        return len(self.histories)

    def queries(self, prompt: Prompt | None) -> torch.Tensor:
        """(n, d) unless a prompt is a mix as the loss of tuning takes them, not yet of length one."""
        leaves = prompt.flat() if prompt else []
        with torch.inference_mode():
            if not leaves:
                return self.plain
            own = leaves[0][0].tensors
            if len(leaves) == 1 and set(own) <= {"shift", "gate"} and leaves[0][0].kind != "profile":
                return self.backbone.moved(self.plain, own)
            queries = [Query(history=history, prompt=prompt) for history in self.histories]
            parts = [self.backbone.encode_queries(queries[i : i + CHUNK]) for i in range(0, len(queries), CHUNK)]
            return torch.cat(parts)

    @cached_property
    def _last_layer(self) -> LastLayer:
        return LastLayer(self.backbone, self.histories)

    def ndcg(self, prompt: Prompt | None) -> npt.NDArray[np.float64]:
        """(n,) NDCG@10 over the candidates, seen items out, ties pessimistic."""
        leaves = prompt.flat() if prompt else []
        own = leaves[0][0].tensors if len(leaves) == 1 else None
        if own is not None and set(own) == {"shift"} and len(self) * len(self.keys) <= KEPT:
            added = self.keys @ own["shift"].to(self.keys.device)
            parts: Iterator[tuple[torch.Tensor, torch.Tensor]] = ((kept + added, to) for kept, to in self._plain_scores)
        elif own is not None and at_last_layer(own):
            with torch.inference_mode():
                encoded, added = self._last_layer.encoded(own["prefix"]), self.keys @ own["shift"].to(self.keys.device)
            parts = self._scores(encoded, added)
        else:
            parts = self._scores(self.queries(prompt))
        ranks = [(own >= own.gather(1, to)).count_nonzero(dim=1).cpu().numpy() - 1 for own, to in parts]
        return ndcg(np.concatenate(ranks))

    @cached_property
    def _plain_scores(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(self._scores(self.plain))

    def _scores(
        self, queries: torch.Tensor, added: torch.Tensor | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """For some examples at a time (b, items), minus infinity for what is not ranked, and (b, 1) the targets; from
        the first numbers of queries, and what is added to the score of each item for everybody."""
        others, keys = no_candidates(self.backbone, self.candidates), self.keys[:, : queries.shape[1]]
        for start in range(0, len(self), CHUNK):
            scores = queries[start : start + CHUNK] @ keys.T
            scores = (scores if added is None else scores + added).masked_fill_(others, -torch.inf)
            targets, seen = self.targets[start : start + CHUNK, None], self.histories[start : start + CHUNK]
            wanted = scores.gather(1, targets)
            owners = np.repeat(np.arange(len(seen)), [len(history) for history in seen])
            rows = np.concatenate([history.rows for history in seen])
            scores[torch.from_numpy(owners), torch.from_numpy(rows)] = -torch.inf
            yield scores.scatter_(1, targets, wanted), targets

    def loss(self, prompt: Prompt | None) -> float:
        """The mean cross-entropy of the examples' items among the candidates, at the scale of training."""
        return float(self._cross_entropy(self.queries(prompt)))

    def shift_gradient(self, prompt: Prompt) -> torch.Tensor:
        """(d,) the gradient of `loss` at the shift of a prompt that has no more than a shift."""
        shift = prompt.tensors["shift"].detach().clone().to(self.plain.device).requires_grad_()
        return torch.autograd.grad(self._cross_entropy(self.plain + shift), shift)[0].cpu()

    def _cross_entropy(self, queries: torch.Tensor) -> torch.Tensor:
        logits = self.backbone.scale * queries @ self.keys.T
        if self.candidates is not None:
            logits = logits.masked_fill(no_candidates(self.backbone, self.candidates), -torch.inf)
        return F.cross_entropy(logits, self.targets)


def no_candidates(backbone: Backbone, candidates: Rows | None) -> torch.Tensor:
    """(n,) which items are not ranked: none where `candidates` is None."""
    found = torch.full((len(backbone.catalogue),), candidates is not None)
    if candidates is not None:
        found[torch.from_numpy(candidates)] = False
    return found.to(device())


def plain_queries(backbone: Backbone, histories: Sequence[History]) -> torch.Tensor:
    """(n, d) what `Backbone.queries` gives without a prompt, histories of like length together."""
    order = np.argsort([len(history) for history in histories], kind="stable")
    found = torch.empty(len(histories), backbone.prompt_shape.shift, device=device())
    with torch.no_grad():
        for start in range(0, len(order), CHUNK):
            chunk = order[start : start + CHUNK]
            found[torch.from_numpy(chunk)] = backbone.queries([histories[i] for i in chunk], {})
    return found


class LastLayer:
    """Histories read once up to the last layer: all that a prefix there does not change."""

    def __init__(self, backbone: Backbone, histories: Sequence[History]) -> None:
        assert isinstance(backbone, SequenceBackbone)  # no other takes a prefix
        self.backbone = backbone
        with torch.no_grad():
            chunks = [histories[i : i + CHUNK] for i in range(0, len(histories), CHUNK)]
            self.reading = joined([backbone.read_to_last(chunk) for chunk in chunks])

    def encoded(self, prefix: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        """(n, width) the queries of the histories at `rows`, of all where None, as far as the network makes them.
        Differentiable in the prefix (1, 2, tokens, width)."""
        reading = self.reading if rows is None else self.reading.take(rows)
        return self.backbone.network.from_last(reading, prefix.to(device()).expand(len(reading.x), *prefix.shape))


def at_last_layer(tensors: Mapping[str, torch.Tensor]) -> bool:
    """Whether a prompt enters no layer but the last."""
    return set(tensors) == {"prefix", "shift"} and len(tensors["prefix"]) == 1


def on_each(tensors: Mapping[str, torch.Tensor], count: int) -> dict[str, torch.Tensor]:
    """A prompt's tensors, the same for `count` histories."""
    return {name: tensor.to(device()).expand(count, *tensor.shape) for name, tensor in tensors.items()}
