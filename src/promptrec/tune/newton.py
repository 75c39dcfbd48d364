"""A shift alone, for relevance alone: a convex problem, solved by Newton's method under a prior instead of by descent.

    minimise over c:  - sum_i log softmax(scale K (q_i + w))[y_i]  +  strength / 2 |c|^2,   w = w_0 + c B

q_i are the queries without a prompt, read once, K the keys of the items that are ranked, B (m, d) the directions that w
may move in, w_0 the start. The prior lets sixteen examples say something without saying too much; validation people
choose how strong it is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from promptrec.backbone.interface import Backbone
from promptrec.backbone.sequence import device
from promptrec.data.catalogue import Rows
from promptrec.data.split import Examples
from promptrec.prompt.prompt import Prompt
from promptrec.seeding import generator
from promptrec.tune.gradient import BATCH, HISTORY, MOST_KEPT, MOST_TO_CHOOSE, Descent
from promptrec.tune.start import Tunable
from promptrec.tune.validation import Questions, plain_queries

WORTH = (10_000, 3_000, 1_000, 300, 100, 30)  # how many examples a prior is worth
REFINED = 2  # further steps under the prior that validation likes best


@dataclass(frozen=True)
class Expansion:
    """A loss summed over examples, around a shift to the second order: gradient (d,) and curvature (d, d)."""

    gradient: torch.Tensor
    curvature: torch.Tensor


class Problem:
    """Examples with their histories read once; a shift costs two products of matrices."""

    def __init__(self, backbone: Backbone, examples: Examples, candidates: Rows | None) -> None:
        rows = np.arange(len(backbone.catalogue)) if candidates is None else candidates
        place = np.full(len(backbone.catalogue), -1)
        place[rows] = np.arange(len(rows))
        self.keys = backbone.encode_items(rows).float()
        self.targets = torch.from_numpy(place[examples.targets]).to(device())
        self.plain = plain_queries(backbone, [history.last(HISTORY) for history in examples])
        self.scale = backbone.scale

    def expansion(self, shift: torch.Tensor) -> Expansion:
        """Of the cross-entropy of the examples' items at `shift` (d,)."""
        items, width = self.keys.shape
        share, gradient = torch.zeros(items, device=device()), torch.zeros(width, device=device())
        means = torch.zeros(width, width, device=device())
        for start in range(0, len(self.plain), BATCH):
            p = (self.scale * (self.plain[start : start + BATCH] + shift) @ self.keys.T).softmax(dim=-1)
            mean = p @ self.keys
            gradient += mean.sum(dim=0) - self.keys[self.targets[start : start + BATCH]].sum(dim=0)
            share += p.sum(dim=0)
            means += mean.T @ mean
        spread = self.keys.T @ (self.keys * share[:, None]) - means
        return Expansion(self.scale * gradient, self.scale**2 * spread)


def minimum(
    around: Expansion, shift: torch.Tensor, begin: torch.Tensor, along: torch.Tensor, strength: float
) -> torch.Tensor:
    """(d,) where the expansion around `shift` and the prior around `begin` are least together, along (m, d)."""
    curvature = along @ around.curvature @ along.T + strength * torch.eye(len(along), device=along.device)
    slope = along @ (around.curvature @ (shift - begin) - around.gradient)
    found: torch.Tensor = begin + torch.linalg.solve(curvature, slope) @ along
    return found


def fit_shift(
    backbone: Backbone,
    tunable: Tunable,
    training: Examples,
    validation: Examples,
    seed: int,
    candidates: Rows | None = None,
    seconds: float | None = None,
) -> Descent:
    """The shift of the prior, and of the Newton step, that has the highest NDCG@10 on `validation`; the start and
    silence are among those that may be chosen.

    candidates: the items that are ranked, the answers among them; all where None. Of more than 10,000 training examples
    so many are drawn, of those who choose 2,000. After `seconds` no further shift is tried. The curve has a point for
    each that was: `worth`, how many examples its prior is worth (not for silence and the start), and `validation`.
    """
    began, start = time.monotonic(), tunable.prompt()
    rng = generator(seed, f"tune {start.name}")
    drawn = training.take(np.sort(rng.permutation(len(training))[:MOST_KEPT]))
    chosen = validation.take(np.sort(rng.permutation(len(validation))[: 4 * MOST_TO_CHOOSE]))
    questions = Questions(backbone, chosen, candidates)
    best, best_score, best_worth = start, -1.0, 0
    curve: list[dict[str, float]] = []

    def tried(prompt: Prompt, worth: int | None = None) -> None:
        nonlocal best, best_score, best_worth
        score = float(questions.ndcg(prompt).mean())
        known = {} if worth is None else {"worth": float(worth)}
        curve.append({"step": float(len(curve)), **known, "validation": score})
        if score > best_score:
            best, best_score, best_worth = prompt, score, worth or 0

    def at(shift: torch.Tensor) -> Prompt:
        return replace(start, tensors={"shift": shift.cpu()})

    def over() -> bool:
        return seconds is not None and time.monotonic() - began > seconds

    tried(tunable.silent())
    begin = start.tensors["shift"].to(device())
    if begin.any():
        tried(start)
    problem = Problem(backbone, drawn, candidates)
    along = tunable.along if len(tunable.along) else torch.eye(len(begin), device=device())
    around = problem.expansion(begin)
    strength = float((along @ around.curvature * along).sum(dim=1).mean()) / len(drawn)  # of one example
    for worth in WORTH:
        if not over():
            tried(at(minimum(around, begin, begin, along, worth * strength)), worth)
    worth = best_worth
    shift = best.tensors["shift"].to(device())
    for _ in range(REFINED if worth else 0):
        if not over():
            shift = minimum(problem.expansion(shift), shift, begin, along, worth * strength)
            tried(at(shift), worth)
    return Descent(best, curve)
