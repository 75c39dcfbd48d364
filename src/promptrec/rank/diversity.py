"""A varied list out of the best candidates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pyversity import Strategy, diversify

from promptrec.errors import PromptrecError

Floats = npt.NDArray[np.float32]
LEAST_CANDIDATES = 200
CANDIDATES_PER_ITEM = 5


def candidates(k: int, diversity: float) -> int:
    """How many of the best items a list of `k` is chosen from. Raises PromptrecError for a diversity outside 0 to 1."""
    if not 0 <= diversity <= 1:
        raise PromptrecError(f"diversity: expected 0 (the best items) to 1 (the most varied list), found {diversity}")
    return max(LEAST_CANDIDATES, CANDIDATES_PER_ITEM * k) if diversity else k


def varied(scores: Floats, vectors: Floats, k: int, diversity: float) -> npt.NDArray[np.int64]:
    """The places, among candidates with `scores` (c,) and `vectors` (c, d), of a list of at most `k`, in its order.

    Maximal marginal relevance (Carbonell and Goldstein 1998): after the best item always the one with the highest

        (1 - diversity) * relevance - diversity * (greatest cosine with an item chosen before)

    where relevance is the score between 0 for the worst candidate and 1 for the best.
    """
    spread = float(np.ptp(scores)) if len(scores) else 0.0
    relevance = (scores - scores.min()) / spread if spread else np.zeros_like(scores)
    chosen = diversify(vectors, relevance, k, strategy=Strategy.MMR, diversity=diversity)
    return np.asarray(chosen.indices, dtype=np.int64)
