"""The network of the `factorization` backbone: factors of items, and what a history amounts to in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Form = Literal["dot", "tower"]
FORMS: tuple[Form, ...] = ("dot", "tower")


@dataclass(frozen=True)
class FactorizationConfig:
    """Sizes and regularisation; the defaults are those that won on validation."""

    items: int
    feature_width: int
    form: Form = "dot"
    width: int = 64
    hidden: int = 256
    length: int = 50
    dropout: float = 0.2
    id_dropout: float = 0.1
    feature_dropout: float = 0.3
    temperature: float = 0.07


class FactorizationNetwork(nn.Module):
    """Q and K before they are brought to length one.

    An item has two vectors, each a learnt id part plus a projection of its frozen features: its key, and what it says
    about a person who has it. A query is the mean of the latter over the history, weighted by learnt weights of age,
    and a vector that everybody has, which alone answers for people without a history. The deep form adds a tower of
    ReLU layers over the mean of the ids and the mean of the projected features (Covington et al., RecSys 2016); it
    begins at zero, so that both forms begin at the same factors.
    """

    def __init__(self, config: FactorizationConfig) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.key_id = nn.Embedding(config.items, width)
        self.key_features = nn.Linear(config.feature_width, width, bias=False)
        self.given_id = nn.Embedding(config.items, width)
        self.given_features = nn.Linear(config.feature_width, width, bias=False)
        self.age = nn.Parameter(torch.zeros(config.length))
        self.anybody = nn.Parameter(torch.zeros(width))
        self.drop = nn.Dropout(config.dropout)
        self.feature_drop = nn.Dropout(config.feature_dropout)
        self.log_scale = nn.Parameter(-torch.tensor(config.temperature).log())
        self.deep = config.form == "tower"
        if self.deep:
            self.tower = nn.Sequential(
                nn.Linear(2 * width, config.hidden),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.hidden, config.hidden // 2),
                nn.ReLU(),
                nn.Dropout(config.dropout),
                nn.Linear(config.hidden // 2, width),
            )
            last = self.tower[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def start_at(self, weights: Tensor, rest: Tensor, usual: Tensor) -> None:
        """Begin at factors that are features (n, f) @ weights (f, width) + rest (n, width), and at what everybody has,
        usual (width,)."""
        with torch.no_grad():
            self.anybody.copy_(usual)
            for ids, projection in ((self.key_id, self.key_features), (self.given_id, self.given_features)):
                ids.weight.copy_(rest)
                projection.weight.copy_(weights.T)

    def item_vectors(self, features: Tensor, trained: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keys (n, width), not yet of length one, and what each item says in a history, by its id and by its features
        (n, 2 * width), from the features (n, f).

        trained: (n,) the row of each item's id part, -1 where it has none; None where every item has its own.
        """
        features = self.feature_drop(features)
        keys: Tensor = self._ids(self.key_id, trained) + self.key_features(features)
        return keys, torch.cat([self._ids(self.given_id, trained), self.given_features(features)], dim=-1)

    def _ids(self, ids: nn.Embedding, trained: Tensor | None) -> Tensor:
        weight: Tensor = ids.weight
        if self.training:
            weight = weight * (torch.rand(len(weight), 1, device=weight.device) > self.config.id_dropout)
        return weight if trained is None else F.pad(weight, (0, 0, 0, 1))[trained]

    def forward(self, given: Tensor, rows: Tensor, last_only: bool = False) -> Tensor:
        """given (n, 2 * width) from `item_vectors`; rows (b, l) aligned right, n where there is nothing. Returns the
        queries after each event (b, l, width), of length one, or only the last (b, 1, width)."""
        means = self._shares(rows < len(given), last_only) @ F.pad(given, (0, 0, 0, 1))[rows]
        by_id, by_features = means.chunk(2, dim=-1)
        queries = self.anybody + by_id + by_features
        return F.normalize(queries + self.tower(self.drop(means)) if self.deep else queries, dim=-1)

    def _shares(self, present: Tensor, last_only: bool) -> Tensor:
        """present (b, l) to (b, l, l), or (b, 1, l): the weight of each event in the mean after each event."""
        length = present.shape[1]
        places = torch.arange(length, device=present.device)
        ages = places[:, None] - places
        if last_only:
            ages = ages[-1:]
        weights = torch.where(ages >= 0, self.age[ages.clamp(min=0)].exp(), 0) * present[:, None, :]
        return weights / weights.sum(dim=-1, keepdim=True).clamp(min=1e-9)

    def logits(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Cosine of queries (..., width), already of length one, and keys (n, width), over the learnt temperature."""
        scaled: Tensor = self.log_scale.exp() * queries @ F.normalize(keys, dim=-1).T
        return scaled
