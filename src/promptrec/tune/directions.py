"""Directions of a query that mean something: few numbers to tune, so that few examples are enough.

A shift along one of them raises the scores of items by how popular they are, how well they are rated, by a number of
the catalogue or by an attribute word. A scenario of sixteen examples cannot say which of hundreds of directions it
wants; which of these it wants, it often can.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.tune.objective import item_values, training_counts

RIDGE = 1.0
PRIOR = 5.0  # events that an item's mean value is drawn towards the mean of all with

Floats = npt.NDArray[np.float64]


def directions(recommender: Recommender) -> tuple[tuple[str, ...], torch.Tensor]:
    """Names (m) and the directions (m, d): popularity, the mean value of events, each number of the items, each facet.

    A number z of the items becomes the w whose products with the items' keys come nearest to it, by ridge regression
    in which an item counts with its events; facets are directions of the keys already where those end in the items'
    places.
    """
    backbone, split = recommender.backbone, recommender.split
    keys = backbone.encode_items().cpu()
    counts = training_counts(split, len(recommender.catalogue)).astype(np.float64)
    columns: dict[str, torch.Tensor] = {"popularity": _standard(np.log1p(counts))}
    means = mean_values(split, counts)
    if means.std():
        columns["mean value"] = _standard(means)
    for column in recommender.catalogue.attributes:
        try:
            columns[column] = item_values(recommender.catalogue, column)
        except PromptrecError:
            continue  # words, or one number for all
    facets = [f"{attribute}: {word}" for attribute, word in backbone.space.facets]
    if not backbone.placed:
        carried = backbone.space.carried(recommender.catalogue).double().numpy()
        columns |= {name: _standard(own) for name, own in zip(facets, carried.T, strict=True)}
    weights = torch.from_numpy(counts + 1).float()[:, None]
    gram = keys.T @ (keys * weights) + RIDGE * torch.eye(keys.shape[1])
    found = torch.linalg.solve(gram, (keys * weights).T @ torch.stack(list(columns.values()), dim=1)).T
    if not backbone.placed:
        return tuple(columns), found
    own = torch.zeros(len(facets), keys.shape[1])
    own[:, keys.shape[1] - backbone.space.width :][:, backbone.space.facets_at] = torch.eye(len(facets))
    return (*columns, *facets), torch.cat([found, own])


def mean_values(split: Split, counts: Floats) -> Floats:
    """(n,) each item's mean value of the events that were trained on, shrunk towards the mean of all; zeros where
    events have no values.
    """
    _, events = training_events(split)
    values, rows = split.histories.values[events], split.histories.rows[events]
    if np.isnan(values).any():
        return np.zeros(len(counts))
    total = np.bincount(rows, weights=values, minlength=len(counts))
    means: Floats = (total + PRIOR * values.mean()) / (counts + PRIOR)
    return means


def _standard(values: Floats) -> torch.Tensor:
    return torch.from_numpy((values - values.mean()) / max(float(values.std()), 1e-9)).float()
