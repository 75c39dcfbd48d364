"""Where item vectors start: a truncated SVD or ALS of the interactions, shared out between features and ids."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from promptrec.data.interactions import Sparse, training_matrix
from promptrec.data.split import Split
from promptrec.seeding import generator

Start = Literal["svd", "als", "random"]
Factors = npt.NDArray[np.float32]

RIDGE = 1.0


def start_factors(training: Sparse, width: int, start: Start, seed: int) -> Factors:
    """(n, width) item factors, rows of length one on average over the items that somebody has.

    svd: the right singular vectors of the people x items matrix, whose columns are first divided by the root of their
        length, so that the most frequent items do not fill the first directions (Cremonesi et al., RecSys 2010, where a
        person's factors are the sum of the items': people who are unknown are folded in by the same sum).
    als: the item factors of weighted least squares (Hu, Koren, Volinsky, ICDM 2008).
    random: normal numbers, to compare with.
    """
    rng = generator(seed, "start")
    n_items = training.shape[1]
    factors: Factors
    if start == "random":
        factors = (rng.normal(size=(n_items, width)) / width**0.5).astype(np.float32)
    elif start == "als":
        from implicit.cpu.als import AlternatingLeastSquares  # slow to import, and needed in training alone

        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=width, regularization=10.0, alpha=10.0, iterations=10, random_state=seed
            )
            model.fit(training, show_progress=False)
        factors = np.asarray(model.item_factors, dtype=np.float32)
    else:
        from scipy.sparse.linalg import svds

        counts = np.maximum(np.asarray(training.sum(axis=0)).ravel(), 1)
        scaled = training.multiply(counts**-0.25).tocsr()
        rank = min(width, min(training.shape) - 1)
        found = svds(scaled, k=rank, v0=rng.normal(size=min(training.shape)))
        factors = np.zeros((n_items, width), np.float32)
        factors[:, :rank] = found[2][::-1].T * np.sqrt(np.maximum(found[1][::-1], 0))
    lengths = np.linalg.norm(factors, axis=1)
    factors /= lengths[lengths > 1e-8].mean()
    return factors


class Shares(NamedTuple):
    """Factors (n, width) and what `share_out` makes of them: weights (f, width), rest (n, width). counts: (n,) how many
    people have each item."""

    factors: Factors
    counts: npt.NDArray[np.float32]
    weights: Factors
    rest: Factors


def shared_start(split: Split, features: torch.Tensor, width: int, start: Start, seed: int) -> Shares:
    """The start of a split's items, shared out between their features (n, f) and their ids."""
    training = training_matrix(split, len(features))
    factors = start_factors(training, width, start, seed)
    counts = np.asarray(training.sum(axis=0), dtype=np.float32).ravel()
    return Shares(factors, counts, *share_out(factors, features, counts))


def share_out(factors: Factors, features: torch.Tensor, counts: npt.NDArray[np.float32]) -> tuple[Factors, Factors]:
    """What the features explain of the factors, by ridge regression over the items that somebody has, and the rest.

    counts: (n,) people who have each item. Returns weights (f, width) and rest (n, width), which is zero for items that
    nobody has: they rank by what they are.
    """
    known = counts > 0
    inputs = features.numpy().astype(np.float64)
    own = inputs[known]
    weights = np.linalg.solve(own.T @ own + RIDGE * np.eye(own.shape[1]), own.T @ factors[known])
    rest = np.where(known[:, None], factors - inputs @ weights, 0)
    return weights.astype(np.float32), rest.astype(np.float32)
