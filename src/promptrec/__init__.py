"""promptrec: a recommender that is trained once, frozen, and then steered by prompts."""

from promptrec.data.importing import import_dataset
from promptrec.recommender import Recommender
from promptrec.report import evaluate
from promptrec.training import train
from promptrec.tune.tune import tune

__all__ = ["Recommender", "evaluate", "import_dataset", "train", "tune"]
