"""The rating model of the article's section 5.2: two embeddings side by side and one linear layer, by least squares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from promptrec.backbone.interface import Scores
from promptrec.data.catalogue import Rows
from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.progress import say
from promptrec.prompt.query import Query
from promptrec.seeding import generator

WIDTH = 50
BATCH = 64
LEARNING_RATE = 1e-3
EPOCHS = 5


class RecommenderModel(nn.Module):
    """rating(u, i) = w . [p_u, q_i] + b = w_1 . p_u + w_2 . q_i + b.

    It is additive: no term has a part of the person and a part of the item, so it ranks items alike for everybody,
    whatever is learnt.
    """

    def __init__(self, users: int, items: int, width: int) -> None:
        super().__init__()
        self.user_embedding = nn.Embedding(users, width)
        self.item_embedding = nn.Embedding(items, width)
        self.fc = nn.Linear(2 * width, 1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """users, items (b,) to ratings (b,): published, the output was (b, 1), and its difference from the labels (b,)
        a matrix (b, b) of everybody's rating less everybody's label."""
        both = torch.cat([self.user_embedding(users), self.item_embedding(items)], dim=1)
        ratings: Tensor = self.fc(both).squeeze(1)
        return ratings


@dataclass(frozen=True)
class RatingModel:
    """score(i) = the mean over training people of the predicted rating. ratings: (n,) float32; train_loss and
    test_loss: mean squared errors over the events trained on, and over each person's last, which are not."""

    ratings: Scores
    train_loss: float
    test_loss: float
    name: str = "rating-model"

    @classmethod
    def fit(cls, split: Split, n_items: int, seed: int) -> RatingModel:
        """Train on the values of the events that are trained on and print both losses, as the article does."""
        torch.manual_seed(int(generator(seed, "rating model").integers(2**31)))
        model = RecommenderModel(len(split.training), n_items, WIDTH)
        optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
        training = _rated(split, *training_events(split))
        rng = generator(seed, "rating batches")
        for _ in range(EPOCHS):
            order = torch.from_numpy(rng.permutation(len(training[0])))
            for start in range(0, len(order), BATCH):
                users, items, labels = (part[order[start : start + BATCH]] for part in training)
                loss = nn.functional.mse_loss(model(users, items), labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        lengths = split.histories.lengths()[split.training]
        asked = np.flatnonzero(lengths >= 3)
        test = _rated(split, asked, split.histories.offsets[split.training[asked] + 1] - 1)
        with torch.no_grad():
            train_loss, test_loss = (
                float(nn.functional.mse_loss(model(users, items), labels)) for users, items, labels in (training, test)
            )
            person = model.user_embedding.weight.mean(dim=0).expand(n_items, WIDTH)
            ratings = model.fc(torch.cat([person, model.item_embedding.weight], dim=1)).squeeze(1)
        say(f"rating model: train loss {train_loss:.4f}, test loss {test_loss:.4f}")
        return cls(ratings.numpy(), train_loss, test_loss)

    def score(self, queries: Sequence[Query], rows: Rows | None = None) -> Scores:
        """(b, n) float32, the same for every query."""
        return np.tile(self.ratings if rows is None else self.ratings[rows], (len(queries), 1))


def _rated(split: Split, people: Rows, events: Rows) -> tuple[Tensor, Tensor, Tensor]:
    """The events that have a value: people, items and values."""
    values = split.histories.values[events]
    there = ~np.isnan(values)
    people, events = people[there], events[there]
    labels = torch.from_numpy(values[there]).float()
    return torch.from_numpy(people), torch.from_numpy(split.histories.rows[events]), labels
