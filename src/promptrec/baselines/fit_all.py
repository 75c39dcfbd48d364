"""The baselines by name, fitted on the events that the backbone is trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from promptrec.backbone.interface import Backbone, Scorer, Scores
from promptrec.baselines.bpr import BPR
from promptrec.baselines.content import ContentSimilarity
from promptrec.baselines.content_slot import ContentSlot
from promptrec.baselines.ease import MOST_ITEMS, Ease
from promptrec.baselines.ials import IALS
from promptrec.baselines.item_knn import DECAY, ItemKNN
from promptrec.baselines.neumf import NeuMF
from promptrec.baselines.popularity import Popularity
from promptrec.baselines.rating import RatingModel
from promptrec.baselines.user_knn import UserKNN
from promptrec.data.catalogue import Catalogue
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.progress import progress, say

STANDARD = ("popularity", "user-knn", "item-knn", "recency-item-knn", "ease", "ials", "content")
ALL = (*STANDARD, "recent-popularity", "bpr", "neumf", "rating-model", "content-slot")


def fit_baselines(
    split: Split,
    catalogue: Catalogue,
    vectors: Scores,
    seed: int,
    names: Sequence[str] = STANDARD,
    backbone: Backbone | None = None,
) -> list[Scorer]:
    """The baselines of `names`, in that order. vectors: (n, d) content vectors.

    Left out, with a line that says so, is what the data or the machine has no room for: EASE above `MOST_ITEMS` items,
    recent popularity without times, the rating model without values, and the slot without a `backbone` to fill it into.
    Raises PromptrecError for an unknown name.
    """
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise PromptrecError(f"--baselines: expected some of {', '.join(ALL)}, found {unknown[0]!r}")
    n_items, histories = len(catalogue), split.histories
    training = training_matrix(split, n_items)
    why_not = {
        "ease": f"more than {MOST_ITEMS:,} items" if n_items > MOST_ITEMS else None,
        "recent-popularity": "no times" if np.isnan(histories.times).all() else None,
        "rating-model": "no values" if np.isnan(histories.values).all() else None,
        "content-slot": "no backbone" if backbone is None else None,
    }
    fit: dict[str, Callable[[], Scorer]] = {
        "popularity": lambda: Popularity.fit(training),
        "user-knn": lambda: UserKNN.fit(training),
        "item-knn": lambda: ItemKNN.fit(training),
        "recency-item-knn": lambda: ItemKNN.fit(training, decay=DECAY),
        "ease": lambda: Ease.fit(training),
        "ials": lambda: IALS.fit(training, seed),
        "content": lambda: ContentSimilarity.fit(vectors),
        "recent-popularity": lambda: Popularity.fit_recent(split, n_items),
        "bpr": lambda: BPR.fit(training, seed),
        "neumf": lambda: NeuMF.fit(split, n_items, seed),
        "rating-model": lambda: RatingModel.fit(split, n_items, seed),
    }
    if backbone is not None:
        slotted = backbone
        fit["content-slot"] = lambda: ContentSlot.fit(slotted, training, vectors)
    for name in names:
        if why_not.get(name):
            say(f"baseline {name} is left out: {why_not[name]}")
    wanted = [name for name in names if not why_not.get(name)]
    return [fit[name]() for name in progress(wanted, "fitting baselines", len(wanted))]
