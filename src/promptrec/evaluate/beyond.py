"""Former home of the metrics beyond accuracy."""

from promptrec.evaluate.metrics import coverage, diversity, novelty

__all__ = ["coverage", "diversity", "novelty"]
