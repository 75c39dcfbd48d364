"""All baselines, fitted on the events that the backbone is trained on."""

from __future__ import annotations

from promptrec.backbone.interface import Scorer, Scores
from promptrec.baselines.content import ContentSimilarity
from promptrec.baselines.ease import MOST_ITEMS, Ease
from promptrec.baselines.ials import IALS
from promptrec.baselines.item_knn import DECAY, ItemKNN
from promptrec.baselines.matrix import training_matrix
from promptrec.baselines.popularity import Popularity
from promptrec.baselines.user_knn import UserKNN
from promptrec.data.catalogue import Catalogue
from promptrec.data.split import Split


def fit_baselines(split: Split, catalogue: Catalogue, vectors: Scores, seed: int) -> list[Scorer]:
    """The baselines in the order of a report; EASE only up to `MOST_ITEMS` items. vectors: (n, d) content vectors."""
    training = training_matrix(split, len(catalogue))
    scorers: list[Scorer] = [
        Popularity.fit(training),
        UserKNN.fit(training),
        ItemKNN.fit(training),
        ItemKNN.fit(training, decay=DECAY),
        IALS.fit(training, seed),
        ContentSimilarity.fit(vectors),
    ]
    if len(catalogue) <= MOST_ITEMS:
        scorers.insert(4, Ease.fit(training))
    return scorers
