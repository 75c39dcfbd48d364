"""Stage 1 for the `factorization` backbone: start the factors, refine them by gradient descent, freeze."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.factorization.backbone import FactorizationBackbone
from promptrec.backbone.factorization.features import item_features
from promptrec.backbone.factorization.network import FactorizationConfig, FactorizationNetwork, Form
from promptrec.backbone.factorization.start import Factors, Start, share_out, start_factors
from promptrec.backbone.sequence import device, pad
from promptrec.backbone.validation import next_item_ndcg
from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.progress import progress, say
from promptrec.seeding import generator

BATCH = 32
LEARNING_RATE = 2e-3
EPOCHS = 30
PATIENCE = 5
FULL_SOFTMAX_ITEMS = 5_000
SHARED_NEGATIVES = 1_024


def train_factorization(
    split: Split, catalogue: Catalogue, vectors: Vectors, seed: int, form: Form = "dot", start: Start = "svd"
) -> tuple[FactorizationBackbone, dict[str, Any]]:
    """Train on the training people's events and return the frozen backbone and its curve; epoch -1 is the start.

    The loss is the cross-entropy of the next item over the whole catalogue up to 5,000 items, above that over 1,024
    uniform negatives shared by the batch together with its own items, log-Q corrected.
    """
    torch.manual_seed(int(generator(seed, "train").integers(2**31)))
    rng = generator(seed, "batches")
    space = ContentSpace.fit(catalogue, vectors)
    features = item_features(space, catalogue, vectors)
    network, counts = started(split, features, seed, form, start)
    network, features = network.to(device()), features.to(device())
    known = torch.from_numpy(np.flatnonzero(counts)).to(device())
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    validation = split.asked("validation").apart()
    best, best_epoch, curve = -1.0, -1, []
    best_state = copy.deepcopy(network.state_dict())
    for epoch in progress(range(-1, EPOCHS), "training", EPOCHS + 1):
        loss = None
        if epoch >= 0:
            loss = _epoch(network, features, known, optimizer, split, rng)
            schedule.step()
        ndcg = next_item_ndcg(partial(_scores, network.eval(), features), validation)
        curve.append({"epoch": epoch, "loss": loss, "validation_ndcg@10": ndcg})
        if ndcg > best:
            best, best_epoch, best_state = ndcg, epoch, copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= PATIENCE:
            break
    say(f"best epoch {best_epoch}: validation NDCG@10 {best:.4f}")
    network.load_state_dict(best_state)
    facts = {
        "form": form,
        "start": start,
        "best_epoch": best_epoch,
        "validation_ndcg@10": best,
        "test_ndcg@10": next_item_ndcg(partial(_scores, network, features), split.asked("test").apart()),
        "curve": curve,
    }
    return FactorizationBackbone(network, space, catalogue.ids, catalogue, vectors), facts


def started(
    split: Split, features: torch.Tensor, seed: int, form: Form, start: Start
) -> tuple[FactorizationNetwork, Factors]:
    """The network at the start's factors, before any gradient, and how many people have each item. features: (n, f)."""
    config = FactorizationConfig(items=len(features), feature_width=features.shape[1], form=form)
    network = FactorizationNetwork(config)
    training = training_matrix(split, len(features))
    factors = start_factors(training, config.width, start, seed)
    counts = np.asarray(training.sum(axis=0), dtype=np.float32).ravel()
    weights, rest = share_out(factors, features, counts)
    network.start_at(torch.from_numpy(weights), torch.from_numpy(rest))
    return network, counts


def _scores(network: FactorizationNetwork, features: torch.Tensor, histories: list[History]) -> torch.Tensor:
    keys, given = network.item_vectors(features)
    rows, _ = pad(histories, network.config.length, len(keys))
    scores: torch.Tensor = network(given, rows.to(keys.device), last_only=True)[:, 0] @ F.normalize(keys, dim=-1).T
    return scores


def _epoch(
    network: FactorizationNetwork,
    features: torch.Tensor,
    known: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    split: Split,
    rng: np.random.Generator,
) -> float:
    network.train()
    losses = []
    for histories, first in _batches(split, network.config.length, rng):
        loss = _loss(network, features, known, histories, first, rng)
        if not torch.isfinite(loss):
            raise PromptrecError(f"training: the loss became {loss.item()}; lower the learning rate")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        losses.append(loss.item())
    return float(np.mean(losses or [np.nan]))


def _batches(split: Split, longest: int, rng: np.random.Generator) -> Iterator[tuple[list[History], torch.Tensor]]:
    """Every training event once as a target, in windows of up to `longest` events; a mask says which windows begin with
    a person's first event, the answer to an empty history."""
    windows = []
    for person, length in zip(split.training, split.training_lengths(), strict=True):
        stops = np.arange(int(length), 0 if length == 1 else 1, -(longest - 1))
        windows += [(int(person), max(0, int(stop) - longest), int(stop)) for stop in stops]
    order = rng.permutation(len(windows))
    for start in range(0, len(order), BATCH):
        chosen = [windows[i] for i in order[start : start + BATCH]]
        yield [split.histories.slice(*window) for window in chosen], torch.tensor([not w[1] for w in chosen])


def _loss(
    network: FactorizationNetwork,
    features: torch.Tensor,
    known: torch.Tensor,
    histories: list[History],
    first: torch.Tensor,
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
    sampled = known[torch.from_numpy(rng.integers(len(known), size=SHARED_NEGATIVES)).to(known.device)]
    counts = torch.bincount(targets, minlength=len(keys)).float() + SHARED_NEGATIVES / len(known)
    candidates = torch.cat([targets, sampled]).unique()  # type: ignore[no-untyped-call]
    logits = network.logits(queries, keys[candidates]) - counts[candidates].log()
    return F.cross_entropy(logits, torch.searchsorted(candidates, targets))
