"""Who played what, as matrices of people and artists: parts of it, models on it, and how good lists are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from promptrec.data.history import Histories
from promptrec.seeding import generator

Floats = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float32]
Sparse = Any


@dataclass(frozen=True)
class Parts:
    """Each person's artists in three random parts; (people, artists) CSR of weights with a mean of one.

    known: 70%; validation: 10%, chooses settings; test: 20%, is reported on.
    """

    known: Sparse
    validation: Sparse
    test: Sparse

    @classmethod
    def of(cls, histories: Histories, n_items: int, seed: int) -> Parts:
        """The weights are the values of the events: the logarithms of the plays."""
        lengths = histories.lengths()
        people = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((generator(seed, "hold-out").random(len(people)), people))
        place = np.empty(len(people))
        place[order] = (np.arange(len(people)) - np.repeat(histories.offsets[:-1], lengths)) / np.repeat(
            lengths, lengths
        )
        weights = histories.values / histories.values.mean()

        def part(start: float, stop: float) -> Sparse:
            chosen = (place >= start) & (place < stop)
            cells = (weights[chosen].astype(np.float32), (people[chosen], histories.rows[chosen]))
            return sparse.csr_matrix(cells, (len(lengths), n_items))

        return cls(test=part(0, 0.2), validation=part(0.2, 0.3), known=part(0.3, 1))

    @property
    def before_test(self) -> Sparse:
        return self.known + self.validation


def ones(matrix: Sparse) -> Sparse:
    """The same cells without their weights."""
    return sparse.csr_matrix((np.ones_like(matrix.data), matrix.indices, matrix.indptr), matrix.shape)


@dataclass(frozen=True)
class PeopleEase:
    """EASE (Steck, WWW 2019) by way of the people: with fewer people than items the same answer in seconds.

    With P = (X'X + l)^-1 = (1 - X' G X) / l, where G = (XX' + l)^-1, the scores of histories H are H - (H P) / diag(P).
    """

    training: Sparse
    gram_inverse: Floats
    diagonal: Floats
    regularisation: float

    @classmethod
    def fit(cls, training: Sparse, regularisation: float) -> PeopleEase:
        gram = (training @ training.T).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += regularisation
        inverse = np.linalg.inv(gram)
        explained = np.asarray(training.multiply((training.T @ inverse).T).sum(axis=0)).ravel()
        return cls(training, inverse, (1 - explained) / regularisation, regularisation)

    def score(self, histories: Sparse) -> Scores:
        """(b, artists) from CSR histories (b, artists)."""
        by_people = (histories @ self.training.T) @ self.gram_inverse
        projected = (histories.toarray() - (self.training.T @ by_people.T).T) / self.regularisation
        scores: Scores = (histories.toarray() - projected / self.diagonal).astype(np.float32)
        return scores


def ndcg(scores: Scores, known: Sparse, answers: Sparse, k: int = 10) -> Floats:
    """(b,) NDCG@k over the whole catalogue with the known artists left out; NaN for people without an answer."""
    scores = scores.copy()
    scores[known.nonzero()] = -np.inf
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    best = np.take_along_axis(best, np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1), axis=1)
    found = np.take_along_axis(answers.toarray() > 0, best, axis=1)
    discounts = 1 / np.log2(np.arange(k) + 2)
    counts = np.diff(answers.indptr)
    ideal = np.cumsum(discounts)[np.minimum(np.maximum(counts, 1), k) - 1]
    return np.where(counts > 0, (found * discounts).sum(axis=1) / ideal, np.nan)
