"""Stage 1: fit the backbone on histories alone, choose the epoch on validation, freeze."""

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
from promptrec.backbone.network import NetworkConfig, SequenceNetwork
from promptrec.backbone.sequence import SequenceBackbone, device, pad
from promptrec.backbone.validation import next_item_ndcg
from promptrec.content.encoder import Vectors
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.progress import progress, say
from promptrec.seeding import generator

BATCH = 32
LEARNING_RATE = 2e-3
EPOCHS = 30
PATIENCE = 10
FULL_SOFTMAX_ITEMS = 5_000
SHARED_NEGATIVES = 1_024


def train_sequence(
    split: Split, catalogue: Catalogue, vectors: Vectors, seed: int
) -> tuple[SequenceBackbone, dict[str, Any]]:
    """Train on the training people's events and return the frozen backbone and its curve.

    The loss is the cross-entropy of the next item: over the whole catalogue up to 5,000 items, above that over 1,024
    uniform negatives shared by the batch together with its own items, log-Q corrected (Bengio and Senecal, 2008).
    """
    torch.manual_seed(int(generator(seed, "train").integers(2**31)))
    rng = generator(seed, "batches")
    config = NetworkConfig(items=len(catalogue), content_width=vectors.shape[1])
    network = SequenceNetwork(config).to(device())
    space = ContentSpace.fit(catalogue, vectors)
    content = space.content(vectors).to(device())

    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    lengths = split.training_lengths()
    validation = split.asked("validation").apart()
    best, best_epoch, curve = -1.0, -1, []
    best_state = copy.deepcopy(network.state_dict())
    for epoch in progress(range(EPOCHS), "training", EPOCHS):
        network.train()
        loss_sum, batches = 0.0, 0
        for histories in _batches(split, lengths, config.length, rng):
            loss = _loss(network, content, histories, rng)
            if not torch.isfinite(loss):
                raise PromptrecError(
                    f"training: the loss became {loss.item()} in epoch {epoch}; lower the learning rate"
                )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimizer.step()
            loss_sum, batches = loss_sum + loss.item(), batches + 1
        schedule.step()
        network.eval()
        ndcg = next_item_ndcg(partial(_scores, network, content), validation)
        curve.append({"epoch": epoch, "loss": loss_sum / max(batches, 1), "validation_ndcg@10": ndcg})
        if ndcg > best:
            best, best_epoch, best_state = ndcg, epoch, copy.deepcopy(network.state_dict())
        if epoch - best_epoch >= PATIENCE:
            break
    say(f"best epoch {best_epoch}: validation NDCG@10 {best:.4f}")
    network.load_state_dict(best_state)
    facts = {
        "best_epoch": best_epoch,
        "validation_ndcg@10": best,
        "test_ndcg@10": next_item_ndcg(partial(_scores, network.eval(), content), split.asked("test").apart()),
        "curve": curve,
    }
    return SequenceBackbone(network, space, catalogue.ids, catalogue, vectors), facts


def _scores(network: SequenceNetwork, content: torch.Tensor, histories: list[History]) -> torch.Tensor:
    items = network.item_vectors(content)
    rows, times = pad(histories, network.config.length, len(items))
    queries = network(items, rows.to(items.device), times.to(items.device), last_only=True)[:, 0]
    scores: torch.Tensor = queries @ F.normalize(items, dim=-1).T
    return scores


def _batches(split: Split, lengths: np.ndarray, longest: int, rng: np.random.Generator) -> Iterator[list[History]]:
    """Every training event once as a target: histories are cut into windows at a place that changes each epoch."""
    windows = []
    for person, length in zip(split.training, lengths, strict=True):
        stop = int(length)
        size = int(rng.integers(1, longest + 1)) if stop > longest + 1 else longest
        while stop > 1:
            start = max(0, stop - 1 - size)
            windows.append((int(person), start, stop))
            stop, size = start + 1, longest
    order = rng.permutation(len(windows))
    for start in range(0, len(order), BATCH):
        yield [split.histories.slice(*windows[i]) for i in order[start : start + BATCH]]


def _loss(
    network: SequenceNetwork, content: torch.Tensor, histories: list[History], rng: np.random.Generator
) -> torch.Tensor:
    nothing = len(content)
    rows, times = pad(histories, network.config.length + 1, nothing)
    rows, times = rows.to(content.device), times.to(content.device)
    if nothing <= FULL_SOFTMAX_ITEMS:
        items = network.item_vectors(content)
        return F.cross_entropy(*_logits_and_targets(network, items, rows, times))
    # Only the items that this batch has or draws are computed.
    sampled = torch.from_numpy(rng.integers(nothing, size=SHARED_NEGATIVES)).to(rows.device)
    there = rows < nothing
    candidates, places = torch.unique(torch.cat([rows[there], sampled]), return_inverse=True)
    own = places[: len(places) - SHARED_NEGATIVES]
    local = torch.full_like(rows, len(candidates))
    local[there] = own
    logits, targets = _logits_and_targets(network, network.item_vectors(content, candidates), local, times)
    counts = torch.bincount(own, minlength=len(candidates)) + SHARED_NEGATIVES / nothing
    return F.cross_entropy(logits - counts.log(), targets)


def _logits_and_targets(
    network: SequenceNetwork, items: torch.Tensor, rows: torch.Tensor, times: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(m, n) and (m,): for every event but the first of each history, all `items` and the one that came."""
    inputs, targets = rows[:, :-1], rows[:, 1:]
    real = inputs < len(items)
    return network.logits(network(items, inputs, times[:, :-1])[real], items), targets[real]
