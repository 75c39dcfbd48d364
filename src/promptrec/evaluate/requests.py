"""What a request in words changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.backbone.interface import Scorer
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.protocol import MakeQuery, rank


def measure_request(
    scorer: Scorer,
    examples: Examples,
    words_mask: npt.NDArray[np.bool_],
    make_plain: MakeQuery,
    make_requested: MakeQuery,
    text: str,
    language: str,
    attribute: str,
) -> dict[str, Any]:
    """One entry of a report's `requests`.

    words_mask: (n_items,) which items carry the attribute that the request asks for.
    share_*: mean share of the top ten that carries it; ndcg_within_*: NDCG@10 with only those items as candidates,
    over the examples whose answer is one of them, null where none is.
    """
    entry: dict[str, Any] = {"text": text, "language": language, "attribute": attribute}
    inside = examples.take(words_mask[examples.targets])
    carriers = np.flatnonzero(words_mask).astype(np.int64)
    for suffix, make in (("without", make_plain), ("with", make_requested)):
        entry[f"share_{suffix}"] = _share(rank(scorer, examples, make).top, words_mask)
        within = rank(scorer, inside, make, candidates=carriers).ranks if len(inside) else None
        entry[f"ndcg_within_{suffix}"] = None if within is None else float(ndcg(within).mean())
    return entry


def _share(top: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> float:
    there = top >= 0
    shares = (mask[top] & there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return float(shares.mean())
