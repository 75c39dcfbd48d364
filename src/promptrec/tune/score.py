"""What a prompt scores on examples, beside no prompt at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from promptrec.backbone.interface import Backbone
from promptrec.data.catalogue import Rows
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import diversity, hit_rate, ndcg, novelty
from promptrec.evaluate.protocol import Ranking, rank
from promptrec.evaluate.significance import compared
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.objective import (
    Objective,
    item_values,
    miscalibration,
    training_counts,
    word_shares,
    word_sums,
)

MOST_SCORED = 1_000

Floats = npt.NDArray[np.float64]


def ranking_of(
    backbone: Backbone, examples: Examples, prompt: Prompt | None, candidates: Rows | None = None
) -> Ranking:
    """The full catalogue, or only `candidates`, for each example, seen items out."""
    return rank(backbone, examples, lambda history: Query(history=history, prompt=prompt), candidates=candidates)


def ndcg_per_example(
    backbone: Backbone, examples: Examples, prompt: Prompt | None, candidates: Rows | None = None
) -> Floats:
    """(n,) NDCG@10 over the full catalogue, or only `candidates`, seen items out."""
    return ndcg(ranking_of(backbone, examples, prompt, candidates).ranks)


def scores(
    recommender: Recommender, examples: Examples, prompt: Prompt, objective: Objective, seed: int
) -> dict[str, Any] | None:
    """For each metric the mean `without` the prompt, `with` it, and the paired `difference`, with 95% intervals.

    Besides relevance: novelty and diversity of the lists; where the objective has a value, its mean over their items in
    standard deviations of the catalogue; where it has calibration, the lists' `miscalibration`, the lower the better.
    Of more than 1,000 examples so many are drawn. None for no examples.
    """
    if not len(examples):
        return None
    most = min(MOST_SCORED, recommender.backbone.pace.scored)
    examples = examples.take(np.sort(generator(seed, "scored").permutation(len(examples))[:most]))
    before, after = (_metrics(recommender, examples, one, objective) for one in (None, prompt))
    return {name: compared(before[name], after[name], seed) for name in before}


def _metrics(
    recommender: Recommender, examples: Examples, prompt: Prompt | None, objective: Objective
) -> dict[str, Floats]:
    split, items = recommender.split, len(recommender.catalogue)
    ranking = ranking_of(recommender.backbone, examples, prompt)
    found = {
        "ndcg@10": ndcg(ranking.ranks),
        "hr@10": hit_rate(ranking.ranks),
        "novelty@10": novelty(ranking.top, training_counts(split, items), len(split.training)),
        "diversity@10": diversity(ranking.top, recommender.vectors),
    }
    if objective.column is not None:
        values = item_values(recommender.catalogue, objective.column).double().numpy()
        there = ranking.top >= 0
        found["value@10"] = np.where(there, values[ranking.top], 0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    if objective.calibration:
        words = word_shares(recommender.catalogue)
        given = torch.stack([words[torch.from_numpy(top[top >= 0])].sum(dim=0) for top in ranking.top])
        found["miscalibration@10"] = miscalibration(given, word_sums(words, list(examples))).double().numpy()
    return found
