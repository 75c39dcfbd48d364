"""Stage 1 for the `factorization` backbone: start the factors, refine them by gradient descent, freeze."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from promptrec.backbone.checkpoint import Checkpoint, Run
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.factorization.backbone import FactorizationBackbone
from promptrec.backbone.factorization.features import item_features
from promptrec.backbone.factorization.network import FactorizationConfig, FactorizationNetwork, Form
from promptrec.backbone.fitting import fit
from promptrec.backbone.sequence import device, pad
from promptrec.backbone.settings import Settings
from promptrec.backbone.start import Factors, Start, shared_start
from promptrec.backbone.validation import next_item_ndcg, some
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.seeding import generator

BATCH = 32
LEARNING_RATE = 2e-3
EPOCHS = 30
PATIENCE = 5
FULL_SOFTMAX_ITEMS = 5_000
SHARED_NEGATIVES = 1_024


def train_factorization(
    split: Split,
    catalogue: Catalogue,
    vectors: Vectors,
    seed: int,
    settings: Settings | None = None,
    checkpoint: Checkpoint | None = None,
    others: Others | None = None,
    form: Form = "dot",
    start: Start = "svd",
) -> tuple[FactorizationBackbone, dict[str, Any]]:
    """Train on the training people's events and return the frozen backbone and its curve; epoch -1 is the start.

    The loss is the cross-entropy of the next item over the whole catalogue up to 5,000 items, above that over 1,024
    uniform negatives shared by the batch together with its own items, log-Q corrected. checkpoint: where the state is
    kept after each epoch, and found again. others: of the modalities besides text; a query can point at them, the
    network does not read them.
    """
    torch.manual_seed(int(generator(seed, "train").integers(2**31)))
    rng = generator(seed, "batches")
    settings = settings or suited(split)
    space = ContentSpace.fit(catalogue, vectors, others)
    features = item_features(space, catalogue, vectors)
    network, counts = started(split, features, seed, form, start, settings.network)
    network, features = network.to(device()), features.to(device())
    known = torch.from_numpy(np.flatnonzero(counts)).to(device())
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs)
    validation = some(split.asked("validation").apart(), split.seed)
    chosen = {
        "start": start,
        "learning_rate": settings.learning_rate,
        "negatives": settings.negatives if len(known) > FULL_SOFTMAX_ITEMS else "all items",
        "batch": settings.batch,
        "epochs": settings.epochs,
        "patience": PATIENCE,
        "network": asdict(network.config),
    }
    facts = fit(
        Run(network, optimizer, schedule, rng, epoch=-2),
        batches=lambda: _batches(split, network.config.length, settings.batch, rng),
        loss=lambda batch: _loss(network, features, known, *batch, settings.negatives, rng),
        validate=lambda: next_item_ndcg(partial(_scores, network, features), validation),
        epochs=settings.epochs,
        patience=PATIENCE,
        checkpoint=None if checkpoint is None else checkpoint.of(settings=chosen),
    )
    facts |= {"form": form, "start": start, "settings": chosen}
    facts["test_ndcg@10"] = next_item_ndcg(
        partial(_scores, network, features), some(split.asked("test").apart(), split.seed)
    )
    return FactorizationBackbone(network, space, catalogue.ids, catalogue, vectors), facts


def suited(_: Split) -> Settings:
    """The same for all data."""
    return Settings(LEARNING_RATE, SHARED_NEGATIVES, BATCH, EPOCHS)


def started(
    split: Split, features: torch.Tensor, seed: int, form: Form, start: Start, sizes: Mapping[str, float] | None = None
) -> tuple[FactorizationNetwork, Factors]:
    """The network at the start's factors, before any gradient, and how many people have each item.

    features: (n, f); sizes: what differs from the network's defaults.
    """
    config = FactorizationConfig(len(features), features.shape[1], form, **(sizes or {}))  # type: ignore[arg-type]
    network = FactorizationNetwork(config)
    factors, counts, weights, rest = shared_start(split, features, config.width, start, seed)
    # Without a history a query is what everybody has; beside one, so little of it does not count.
    usual = 0.01 * (counts @ factors) / max(counts.sum(), 1.0)
    network.start_at(torch.from_numpy(weights), torch.from_numpy(rest), torch.from_numpy(usual))
    return network, counts


def _scores(network: FactorizationNetwork, features: torch.Tensor, histories: list[History]) -> torch.Tensor:
    keys, given = network.item_vectors(features)
    rows, _ = pad(histories, network.config.length, len(keys))
    scores: torch.Tensor = network(given, rows.to(keys.device), last_only=True)[:, 0] @ F.normalize(keys, dim=-1).T
    return scores


def _batches(
    split: Split, longest: int, size: int, rng: np.random.Generator
) -> Iterator[tuple[list[History], torch.Tensor]]:
    """Every training event once as a target, in windows of up to `longest` events; a mask says which windows begin with
    a person's first event, the answer to an empty history."""
    windows = []
    for person, length in zip(split.training, split.training_lengths(), strict=True):
        stops = np.arange(int(length), 0 if length == 1 else 1, -(longest - 1))
        windows += [(int(person), max(0, int(stop) - longest), int(stop)) for stop in stops]
    order = rng.permutation(len(windows))
    for start in range(0, len(order), size):
        chosen = [windows[i] for i in order[start : start + size]]
        yield [split.histories.slice(*window) for window in chosen], torch.tensor([not w[1] for w in chosen])


def _loss(
    network: FactorizationNetwork,
    features: torch.Tensor,
    known: torch.Tensor,
    histories: list[History],
    first: torch.Tensor,
    negatives: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """known: (k,) the rows of the items that somebody has, in order. The others are no wrong answers: their id parts
    stay zero, and they rank by their features."""
    keys, given = network.item_vectors(features)
    rows, _ = pad(histories, network.config.length, len(keys))
    before = F.pad(rows, (1, 0), value=len(keys))[:, :-1]
    asked = ((rows < len(keys)) & ((before < len(keys)) | first[:, None])).to(keys.device)
    rows, before = rows.to(keys.device), before.to(keys.device)
    queries, targets = network(given, before)[asked], rows[asked]
    if len(known) <= FULL_SOFTMAX_ITEMS:
        return F.cross_entropy(network.logits(queries, keys[known]), torch.searchsorted(known, targets))
    sampled = known[torch.from_numpy(rng.integers(len(known), size=negatives)).to(known.device)]
    counts = torch.bincount(targets, minlength=len(keys)).float() + negatives / len(known)
    candidates = torch.cat([targets, sampled]).unique()  # type: ignore[no-untyped-call]
    logits = network.logits(queries, keys[candidates]) - counts[candidates].log()
    return F.cross_entropy(logits, torch.searchsorted(candidates, targets))
