"""The row that an item happens to have says nothing: permuting the catalogue changes no model's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.network import NetworkConfig, SequenceNetwork
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.baselines.fit_all import fit_baselines
from promptrec.baselines.popularity import Popularity
from promptrec.data.dataset import Dataset
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.evaluate.metrics import class_shares
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.yardstick import Yardstick, order_by_id

DRAWN_AT_START = {"ials"}  # their factors start as random numbers by row, so another order is another draw


def network(ids: Sequence[str]) -> SequenceNetwork:
    """Random weights, where an item's own part follows its id wherever the item stands."""
    torch.manual_seed(0)
    made = SequenceNetwork(NetworkConfig(items=len(ids), content_width=16))
    with torch.no_grad():
        made.item_id.weight.copy_(made.item_id.weight[torch.tensor(np.argsort(np.argsort(ids)))])
    return made


def evaluated(dataset: Dataset, vectors: np.ndarray) -> dict[str, Any]:
    split, catalogue = Split.of(dataset.histories, 0), dataset.catalogue
    training = training_matrix(split, len(catalogue))
    scorers = [b for b in fit_baselines(split, catalogue, vectors, 0) if b.name not in DRAWN_AT_START]
    space = ContentSpace.fit(catalogue, vectors)
    scorers.append(SequenceBackbone(network(catalogue.ids), space, catalogue.ids, catalogue, vectors))
    yardstick = Yardstick(
        Popularity.fit(training).counts,
        training.shape[0],
        vectors,
        0,
        tie_order=order_by_id(catalogue.ids),
        classes=class_shares(catalogue.words_of("genres")),
    )
    models = [Model(scorer, "baseline", scorer.name) for scorer in scorers]
    entries = evaluate_models(models, {"test": split.asked("test")}, yardstick)
    return {f"{e['name']} {name}": found["value"] for e in entries for name, found in e["metrics"].items()}


@pytest.mark.parametrize("seed", [0, 1])
def test_permuting_the_items_changes_no_models_numbers(seed: int, world) -> None:
    dataset, vectors = world
    order = np.random.default_rng(seed).permutation(len(dataset.catalogue))
    permuted = Dataset(dataset.events, dataset.items[order.tolist()], None, dataset.manifest)
    before, after = evaluated(dataset, vectors), evaluated(permuted, vectors[order])
    assert before == pytest.approx(after, abs=1e-6)
    assert len({value for name, value in before.items() if "ndcg" in name}) > 4, "the models do differ"


def test_other_ids_change_no_place_of_an_answer(world) -> None:
    dataset, vectors = world
    renamed = dict(zip(dataset.catalogue.ids, np.random.default_rng(0).permutation(dataset.catalogue.ids), strict=True))
    other = Dataset(
        dataset.events.with_columns(pl.col("item").replace_strict(renamed)),
        dataset.items.with_columns(pl.col("id").replace_strict(renamed)),
    )
    before, after = evaluated(dataset, vectors), evaluated(other, vectors)
    by_rank = [name for name in before if name.startswith(("popularity", "item-knn", "ease")) and "@" in name]
    by_rank = [name for name in by_rank if name.split()[1] in ("ndcg@10", "hr@10", "map@10", "serendipity@10")]
    assert len(by_rank) == 12
    assert {name: before[name] for name in by_rank} == pytest.approx({name: after[name] for name in by_rank}, abs=1e-6)
