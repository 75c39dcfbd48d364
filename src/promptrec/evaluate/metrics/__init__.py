"""Metrics, one family a file.

Most take `ranks`, (a,) int64: the rank of each answer from 0. With one answer an example that is all; where examples
have several, `offsets` (n + 1,) says that example i has ranks[offsets[i]:offsets[i + 1]]. They give (n,) float64.
The others take `top`, (n, k) int64: the rows of the items listed, best first, -1 where a list is shorter.
"""

from promptrec.evaluate.metrics.calibration import calibration, class_shares
from promptrec.evaluate.metrics.diversity import diversity
from promptrec.evaluate.metrics.exposure import coverage, gini
from promptrec.evaluate.metrics.hits import hit_rate, precision, recall
from promptrec.evaluate.metrics.order import average_precision, ndcg, reciprocal_rank
from promptrec.evaluate.metrics.surprise import expected_by_popularity, novelty, serendipity

__all__ = [
    "average_precision",
    "calibration",
    "class_shares",
    "coverage",
    "diversity",
    "expected_by_popularity",
    "gini",
    "hit_rate",
    "ndcg",
    "novelty",
    "precision",
    "recall",
    "reciprocal_rank",
    "serendipity",
]
