"""NeuMF: a generalised matrix factorisation and a perceptron side by side (He et al., WWW 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from promptrec.backbone.interface import Scores
from promptrec.backbone.sequence import pad
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.prompt.query import Query
from promptrec.seeding import generator

WIDTH = 32
LENGTH = 50
NEGATIVES = 4
BATCH = 1_024
EPOCHS = 8
LEARNING_RATE = 3e-3
MOST_PAIRS = 1_000_000


class NeuMFNetwork(nn.Module):
    """logit(u, i) = h . [p_u * q_i, MLP([p'_u, q'_i])].

    The published p_u are learnt for each person. Here a person is the mean of what the items of their history say, so
    that people who were not trained on have one too.
    """

    def __init__(self, items: int, width: int) -> None:
        super().__init__()
        self.given = nn.Embedding(items + 1, 2 * width, padding_idx=items)
        self.item = nn.Embedding(items, 2 * width)
        self.from_person = nn.Linear(width, width)
        self.from_item = nn.Linear(width, width, bias=False)
        self.perceptron = nn.Sequential(nn.ReLU(), nn.Linear(width, width // 2), nn.ReLU())
        self.out = nn.Linear(width + width // 2, 1)
        nn.init.normal_(self.item.weight, std=0.1)
        nn.init.normal_(self.given.weight[:-1].data, std=0.1)

    def people(self, rows: Tensor) -> Tensor:
        """rows (b, l), padded by the number of items, to (b, 2 * width); zeros for an empty history."""
        nothing = self.given.num_embeddings - 1
        means: Tensor = self.given(rows).sum(dim=1) / (rows < nothing).sum(dim=1, keepdim=True).clamp(min=1) ** 0.5
        return means

    def forward(self, people: Tensor, items: Tensor) -> Tensor:
        """people (b, 1 or m, 2 * width) and items (b or 1, m, 2 * width) to logits (b, m)."""
        (p_factors, p_hidden), (q_factors, q_hidden) = people.chunk(2, dim=-1), items.chunk(2, dim=-1)
        hidden = self.perceptron(self.from_person(p_hidden) + self.from_item(q_hidden))
        logits: Tensor = self.out(torch.cat([p_factors * q_factors, hidden], dim=-1)).squeeze(-1)
        return logits


@dataclass(frozen=True)
class NeuMF:
    """Trained with binary cross-entropy against four items drawn at random for each event. network: in eval mode."""

    network: NeuMFNetwork
    name: str = "neumf"

    @classmethod
    def fit(cls, split: Split, n_items: int, seed: int, epochs: int = EPOCHS) -> NeuMF:
        torch.manual_seed(int(generator(seed, "neumf").integers(2**31)))
        rng = generator(seed, "neumf batches")
        network = NeuMFNetwork(n_items, WIDTH)
        optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
        people, events = training_events(split)
        starts = split.histories.offsets[split.training][people]
        asked = events > starts
        starts, events = starts[asked], events[asked]
        for _ in range(epochs):
            order = rng.permutation(len(events))
            for chosen in np.array_split(order, max(1, len(order) // BATCH)):
                rows = _before(split.histories.rows, starts[chosen], events[chosen], n_items)
                drawn = rng.integers(n_items, size=(len(chosen), NEGATIVES))
                items = np.concatenate([split.histories.rows[events[chosen]][:, None], drawn], axis=1)
                logits = network(network.people(rows)[:, None], network.item(torch.from_numpy(items)))
                labels = torch.zeros_like(logits)
                labels[:, 0] = 1
                loss = F.binary_cross_entropy_with_logits(logits, labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        return cls(network.eval().requires_grad_(False))

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32: logits."""
        items = self.network.item.weight if rows is None else self.network.item.weight[torch.from_numpy(rows)]
        at_once = max(1, MOST_PAIRS // len(items))
        nothing = self.network.given.num_embeddings - 1
        scores = np.empty((len(queries), len(items)), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(queries), at_once):
                histories = [query.history for query in queries[start : start + at_once]]
                people = self.network.people(pad(histories, LENGTH, nothing)[0])
                scores[start : start + at_once] = self.network(people[:, None], items[None]).numpy()
        return scores


def _before(rows: Rows, starts: Rows, events: Rows, nothing: int) -> Tensor:
    """(b, l) the up to 50 events of each person before an event; `nothing` where there are fewer."""
    places = events[:, None] - 1 - np.arange(min(LENGTH, int((events - starts).max())))
    return torch.from_numpy(np.where(places >= starts[:, None], rows[np.maximum(places, 0)], nothing))
