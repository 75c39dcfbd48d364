"""Former home of the metrics by rank."""

from promptrec.evaluate.metrics import hit_rate, ndcg, reciprocal_rank

__all__ = ["hit_rate", "ndcg", "reciprocal_rank"]
