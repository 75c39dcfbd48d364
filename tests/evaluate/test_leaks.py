"""The row that an item happens to have says nothing: permuting the catalogue changes no model's numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from promptrec.baselines.fit_all import fit_baselines
from promptrec.baselines.popularity import Popularity
from promptrec.data.dataset import Dataset
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.evaluate.metrics import class_shares
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.yardstick import Yardstick, order_by_id

DRAWN_AT_START = {"ials"}  # their factors start as random numbers by row, so another order is another draw


def evaluated(dataset: Dataset, vectors: np.ndarray) -> dict[str, Any]:
    split = Split.of(dataset.histories, 0)
    training = training_matrix(split, len(dataset.catalogue))
    baselines = [b for b in fit_baselines(split, dataset.catalogue, vectors, 0) if b.name not in DRAWN_AT_START]
    yardstick = Yardstick(
        Popularity.fit(training).counts,
        training.shape[0],
        vectors,
        0,
        tie_order=order_by_id(dataset.catalogue.ids),
        classes=class_shares(dataset.catalogue.words_of("genres")),
    )
    models = [Model(baseline, "baseline", baseline.name) for baseline in baselines]
    entries = evaluate_models(models, {"test": split.asked("test")}, yardstick)
    return {f"{e['name']} {name}": found["value"] for e in entries for name, found in e["metrics"].items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_permuting_the_items_changes_no_baselines_numbers(seed: int, world) -> None:
    dataset, vectors = world
    order = np.random.default_rng(seed).permutation(len(dataset.catalogue))
    permuted = Dataset(dataset.events, dataset.items[order.tolist()], None, dataset.manifest)
    before, after = evaluated(dataset, vectors), evaluated(permuted, vectors[order])
    assert before == pytest.approx(after, abs=1e-6)
    assert len({value for name, value in before.items() if "ndcg" in name}) > 4, "the models do differ"
