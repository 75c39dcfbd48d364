"""Every baseline does what a scorer must do."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from contracts.scorer import ScorerContract
from contracts.world import World
from promptrec.backbone.interface import Scorer
from promptrec.baselines.content_slot import ContentSlot
from promptrec.baselines.fit_all import ALL, fit_baselines
from promptrec.baselines.item_knn import ItemKNN
from promptrec.baselines.neumf import NeuMF
from promptrec.data.interactions import training_matrix


class BaselineContract(ScorerContract):
    baseline: str

    @classmethod
    def fit(cls, world: World) -> Scorer:
        return fit_baselines(world.split, world.catalogue, world.vectors, 0, [cls.baseline])[0]


class TestPopularity(BaselineContract):
    baseline = "popularity"
    personal = False


class TestRecentPopularity(BaselineContract):
    baseline = "recent-popularity"
    personal = False


class TestUserKNN(BaselineContract):
    baseline = "user-knn"


class TestItemKNN(BaselineContract):
    baseline = "item-knn"


class TestRecencyItemKNN(BaselineContract):
    baseline = "recency-item-knn"


class TestEase(BaselineContract):
    baseline = "ease"


class TestIALS(BaselineContract):
    baseline = "ials"
    drawn = True


class TestBPR(BaselineContract):
    baseline = "bpr"
    drawn = True


class TestContent(BaselineContract):
    baseline = "content"


class TestRatingModel(BaselineContract):
    baseline = "rating-model"
    personal = False
    drawn = True


class TestNeuMF(BaselineContract):
    baseline = "neumf"
    drawn = True

    @classmethod
    def fit(cls, world: World) -> Scorer:
        return NeuMF.fit(world.split, len(world.catalogue), 0, epochs=100)  # an epoch of this world is one step


class TestContentSlot(BaselineContract):
    """Over item kNN, with one film of each kind that nobody has."""

    baseline = "content-slot"

    @classmethod
    def fit(cls, world: World) -> Scorer:
        training = training_matrix(world.split, len(world.catalogue)).toarray()
        training[:, world.catalogue.rows(["C9", "W9", "R9"])] = 0
        known = sparse.csr_matrix(training)
        return ContentSlot.fit(ItemKNN.fit(known), known, world.vectors)  # type: ignore[arg-type]


def test_no_baseline_is_without_a_contract() -> None:
    assert {own.baseline for own in BaselineContract.__subclasses__()} == set(ALL)
    assert np.unique(ALL).size == len(ALL)
