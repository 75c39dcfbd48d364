"""What all models of a report are measured with, and by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.data.examples import Examples
from promptrec.evaluate import metrics
from promptrec.evaluate.protocol import Ranking, Seen
from promptrec.evaluate.significance import bootstrap_intervals

Array = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_BLOCK = 16_384


@dataclass(frozen=True)
class Yardstick:
    """counts: (n_items,) how many of the `people` trained on have each item; vectors: (n_items, d) content vectors.

    tie_order: (n_items,) what `rank` takes; classes: (n_items, c) from `class_shares`, for calibration, or None.
    """

    counts: Array
    people: int
    vectors: Array
    seed: int
    seen: Seen = "exclude"
    tie_order: Ints | None = None
    classes: Array | None = None

    def per_example(self, ranking: Ranking, examples: Examples) -> dict[str, Floats]:
        """(n,) of each metric that is a mean over examples."""
        found = {
            **by_rank(ranking.ranks, ranking.offsets),
            "novelty@10": metrics.novelty(ranking.top, self.counts, self.people),
            "diversity@10": metrics.diversity(ranking.top, self.vectors),
        }
        usual = None if self.classes is None else self.counts @ self.classes
        expected, calibrations = [np.empty(0, dtype=bool)], [np.empty(0)]
        for start in range(0, len(examples), _BLOCK):  # a block's histories at a time
            block = examples.take(np.arange(start, min(start + _BLOCK, len(examples))))
            answers, (known, starts) = block.answers, block.known()
            expected.append(metrics.expected_by_popularity(answers.rows, answers.owners(), known, starts, self.counts))
            if self.classes is not None and usual is not None:
                top = ranking.top[start : start + _BLOCK]
                calibrations.append(metrics.calibration(top, known, starts, self.classes, usual))
        found["serendipity@10"] = metrics.serendipity(ranking.ranks, np.concatenate(expected), 10, ranking.offsets)
        if self.classes is not None:
            found["calibration@10"] = np.concatenate(calibrations)
        return found

    def summary(self, per_example: dict[str, Floats], ranking: Ranking, examples: Examples) -> dict[str, Any]:
        """Each metric with its 95% interval. Coverage and Gini belong to all lists together and have none."""
        found: dict[str, Any] = bootstrap_intervals(per_example, self.seed, people=examples.people)
        for name, of in (("coverage@10", metrics.coverage), ("gini@10", metrics.gini)):
            found[name] = {"value": of(ranking.top, len(self.counts)), "low": None, "high": None}
        return found


def by_rank(ranks: Ints, offsets: Ints) -> dict[str, Floats]:
    """(n,) of each metric that needs nothing but ranks."""
    return {
        "ndcg@10": metrics.ndcg(ranks, 10, offsets),
        "hr@10": metrics.hit_rate(ranks, 10, offsets),
        "recall@10": metrics.recall(ranks, 10, offsets),
        "precision@10": metrics.precision(ranks, 10, offsets),
        "map@10": metrics.average_precision(ranks, 10, offsets),
        "mrr": metrics.reciprocal_rank(ranks, offsets),
    }


def order_by_id(ids: Sequence[str]) -> Ints:
    """(n,) the place of each id in the order of their SHA-256: no row number and no popularity speaks in it."""
    hashed = [hashlib.sha256(id_.encode()).digest() for id_ in ids]
    order = np.empty(len(ids), dtype=np.int64)
    order[sorted(range(len(ids)), key=hashed.__getitem__)] = np.arange(len(ids))
    return order
