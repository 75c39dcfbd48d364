"""The first stage's lists for questions with known answers, and what a reranker makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from promptrec.data.catalogue import Rows
from promptrec.data.split import Examples
from promptrec.evaluate.metrics import ndcg
from promptrec.index.contract import Found
from promptrec.prompt.query import Query
from promptrec.rank.ranker import Ask
from promptrec.rank.reranker import RERANKED, DecoderReranker, Floats, blended
from promptrec.recommender import Recommender

AT_ONCE = 128
SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class Lists:
    """For each question the first 50 items of the first stage, seen ones out.

    targets: (n,) the rows of the items that came.
    """

    queries: tuple[Query, ...]
    found: tuple[Found, ...]
    targets: Rows

    @classmethod
    def of(cls, recommender: Recommender, examples: Examples) -> Lists:
        queries = [Query(history, request=history.asked or None) for history in examples]
        asks = [Ask(query, min(RERANKED, len(recommender.catalogue)), query.history.rows, None) for query in queries]
        found = [
            list_ for i in range(0, len(asks), AT_ONCE) for list_ in recommender.ranker.nearest(asks[i : i + AT_ONCE])
        ]
        return cls(tuple(queries), tuple(found), examples.targets)

    def __len__(self) -> int:
        return len(self.queries)

    def answers(self, reranker: DecoderReranker) -> list[Floats | None]:
        """The decoder's answers on each list; None where the item that came is not on it, so that no order helps."""
        return [
            reranker.answers(query, rows.tolist()) if target in rows else None
            for query, (rows, _), target in zip(self.queries, self.found, self.targets, strict=True)
        ]

    def ndcg(self, answers: Sequence[Floats | None], share: float) -> npt.NDArray[np.float64]:
        """(n,) NDCG@10 of the lists ordered with this share of the decoder, ties pessimistic."""
        ranks = np.full(len(self), RERANKED)
        for i, ((rows, scores), own, target) in enumerate(zip(self.found, answers, self.targets, strict=True)):
            if own is not None:
                order = blended(scores, own, share)
                ranks[i] = (order >= order[rows == target]).sum() - 1
        return ndcg(ranks)

    def best_share(self, answers: Sequence[Floats | None]) -> float:
        """The share of the decoder with the highest mean NDCG@10, the smallest of equals."""
        return max(SHARES, key=lambda share: float(self.ndcg(answers, share).mean()))
