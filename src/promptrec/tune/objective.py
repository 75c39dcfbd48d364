"""What tuning minimises: a weighted sum of relevance, novelty, variety, calibration and a value per item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F

from promptrec.backbone.sequence import device
from promptrec.backbone.wishes import attribute_words
from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.errors import PromptrecError

LISTED = 50
SMOOTHING = 0.01


@dataclass(frozen=True)
class Objective:
    """Weights, each at least 0. With p the softmax of the logits over the 50 items that are ranked highest:

    relevance: the cross-entropy of the example's item over the whole catalogue, the loss of training;
    value: -E_p[the item's `column`, standardised over the catalogue]: margin, freshness, any number;
    novelty: E_p[log(1 + training people who have the item)];
    variety: |E_p[content vector]|^2, the mean cosine of two items drawn from p;
    calibration: KL(attribute words of the history || of p), the list's share smoothed by 0.01 (Steck, RecSys 2018).
    """

    relevance: float = 1.0
    value: float = 0.0
    column: str | None = None
    novelty: float = 0.0
    variety: float = 0.0
    calibration: float = 0.0

    def __post_init__(self) -> None:
        for name, weight in self.weights().items():
            if not 0 <= weight < float("inf"):
                raise PromptrecError(f"objective: the weight of {name} must be at least 0 and finite, found {weight}")
        if not sum(self.weights().values()):
            raise PromptrecError("objective: every weight is 0, so there is nothing to tune for; raise one")
        if self.value and self.column is None:
            raise PromptrecError(
                "objective: a value needs the column of the items that holds it; name one, as in year=1"
            )

    def weights(self) -> dict[str, float]:
        return {name: weight for name, weight in asdict(self).items() if name != "column"}

    @property
    def only_relevance(self) -> bool:
        return all(not weight for name, weight in self.weights().items() if name != "relevance")

    def __str__(self) -> str:
        parts = (f"{weight:g} {name}" for name, weight in self.weights().items() if weight)
        return " + ".join(parts).replace("value", f"value of {self.column}")


def item_values(catalogue: Catalogue, column: str) -> torch.Tensor:
    """(n,) the items' numbers of a column, standardised; an item without one has the mean.

    Raises PromptrecError where the column is missing, holds no numbers or only one.
    """
    if column not in catalogue.attributes:
        there = ", ".join(catalogue.attributes) or "none"
        raise PromptrecError(f"objective: the items have no column {column!r}; they have {there}")
    numbers = catalogue.items[column]
    if not numbers.dtype.is_numeric() or numbers.drop_nulls().n_unique() < 2:
        raise PromptrecError(f"objective: column {column!r} of the items ({numbers.dtype}) holds no differing numbers")
    values = torch.from_numpy(numbers.cast(pl.Float32).fill_nan(None).fill_null(strategy="mean").to_numpy().copy())
    return (values - values.mean()) / values.std()


class Loss:
    """An objective over one catalogue, ready to be computed for a batch."""

    def __init__(self, objective: Objective, catalogue: Catalogue, vectors: Vectors, split: Split) -> None:
        self.objective = objective
        if objective.value:
            assert objective.column is not None
            self.values = item_values(catalogue, objective.column).to(device())
        if objective.novelty:
            self.log_counts = torch.from_numpy(np.log1p(training_counts(split, len(catalogue)))).float().to(device())
        if objective.variety:
            self.content = F.normalize(torch.from_numpy(vectors - vectors.mean(axis=0)), dim=-1).to(device())
        if objective.calibration:
            self.words = word_shares(catalogue).to(device())

    def __call__(self, logits: torch.Tensor, targets: torch.Tensor, histories: Sequence[History]) -> torch.Tensor:
        """The mean over a batch: logits (b, n), targets (b,), histories of length b."""
        weights = self.objective
        loss = weights.relevance * F.cross_entropy(logits, targets)
        if weights.only_relevance:
            return loss
        p = _list_share(logits)
        if weights.value:
            loss = loss - weights.value * (p @ self.values).mean()
        if weights.novelty:
            loss = loss + weights.novelty * (p @ self.log_counts).mean()
        if weights.variety:
            loss = loss + weights.variety * (p @ self.content).square().sum(dim=-1).mean()
        if weights.calibration:
            loss = loss + weights.calibration * self._miscalibration(p, histories).mean()
        return loss

    def _miscalibration(self, p: torch.Tensor, histories: Sequence[History]) -> torch.Tensor:
        return miscalibration(p @ self.words, word_sums(self.words, histories))


def word_sums(words: torch.Tensor, histories: Sequence[History]) -> torch.Tensor:
    """(b, words) what the items of each history carry together; words: (n, words) of `word_shares`."""
    return torch.stack([words[torch.from_numpy(history.rows).to(words.device)].sum(dim=0) for history in histories])


def miscalibration(given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """(b,) KL(wanted || given) of attribute words (b, words), as shares, those of the list smoothed by 0.01 (Steck,
    RecSys 2018, equation 6): 0 where a list has the proportions of the history.
    """
    wanted = wanted / wanted.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    given = given / given.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    smoothed = (1 - SMOOTHING) * given + SMOOTHING * wanted
    return (wanted * (wanted.clamp(min=1e-9).log() - smoothed.clamp(min=1e-9).log())).sum(dim=-1)


def _list_share(logits: torch.Tensor) -> torch.Tensor:
    """(b, n) the softmax over the 50 items ranked highest, 0 elsewhere: what a list is drawn from."""
    top, rows = logits.topk(min(LISTED, logits.shape[1]))
    return torch.zeros_like(logits).scatter(1, rows, top.softmax(dim=-1))


def training_counts(split: Split, items: int) -> Any:
    """(n,) how many events of training people, of those trained on, each item has."""
    _, events = training_events(split)
    return np.bincount(split.histories.rows[events], minlength=items).astype(np.float32)


def word_shares(catalogue: Catalogue) -> torch.Tensor:
    """(n, words) each item's attribute words, a row adding up to one where it has any.

    Raises PromptrecError for a catalogue without attribute words.
    """
    words = attribute_words(catalogue, {})
    if not words:
        raise PromptrecError("objective: calibration needs attribute words, the items have none; leave it out")
    carried = torch.from_numpy(np.stack([word.carried for word in words], axis=1)).float()
    return carried / carried.sum(dim=1, keepdim=True).clamp(min=1)


def parse_value(text: str) -> tuple[str, float]:
    """The column and weight of `COLUMN` or `COLUMN=WEIGHT`. Raises PromptrecError for a weight that is no number."""
    column, _, weight = text.partition("=")
    try:
        return column.strip(), float(weight or 1)
    except ValueError:
        raise PromptrecError(f"--value {text!r}: expected COLUMN or COLUMN=WEIGHT, such as year=0.5") from None
