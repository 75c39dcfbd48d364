"""Gradient descent, epoch by epoch, the same for every backbone: stops early, keeps the best, resumes after a kill."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import torch
from torch import nn

from promptrec.backbone.checkpoint import Checkpoint, Run
from promptrec.errors import PromptrecError
from promptrec.progress import progress, say

CLIP = 5.0

Batch = TypeVar("Batch")


def fit(
    run: Run,
    batches: Callable[[], Iterable[Batch]],
    loss: Callable[[Batch], torch.Tensor],
    validate: Callable[[], float],
    epochs: int,
    patience: int,
    checkpoint: Checkpoint | None,
) -> dict[str, Any]:
    """Train until `epochs` are done or `patience` of them brought nothing better; the network ends as it was best.

    A run begins at epoch -1, or at -2 where its start is to be validated too. Returns what a card says of it.
    Raises PromptrecError where the loss is no longer finite.
    """
    if checkpoint is not None:
        checkpoint.restore(run)
    for epoch in progress(range(run.epoch + 1, epochs), "training", epochs - run.epoch - 1):
        if run.epoch - run.best_epoch >= patience:
            break
        started = time.monotonic()
        loss_mean = _epoch(run, batches(), loss, epoch) if epoch >= 0 else None
        run.network.eval()
        found = validate()
        run.seconds += time.monotonic() - started
        point = {"epoch": epoch, "loss": loss_mean, "validation_ndcg@10": found, "seconds": round(run.seconds, 3)}
        run.curve.append(point)
        if found > run.best:
            run.best, run.best_epoch, run.best_state = found, epoch, copy.deepcopy(run.network.state_dict())
        run.epoch = epoch
        if checkpoint is not None:
            checkpoint.save(run)
    say(f"best epoch {run.best_epoch}: validation NDCG@10 {run.best:.4f}")
    run.network.load_state_dict(run.best_state)
    run.network.eval()
    return {
        "best_epoch": run.best_epoch,
        "validation_ndcg@10": run.best,
        "curve": run.curve,
        "seconds": round(run.seconds, 1),
        "device": next(run.network.parameters()).device.type,
    }


def _epoch(run: Run, batches: Iterable[Batch], loss: Callable[[Batch], torch.Tensor], epoch: int) -> float:
    """One pass over the batches; the mean loss. On CUDA products are computed in bfloat16."""
    where = next(run.network.parameters()).device.type
    torch.use_deterministic_algorithms(True, warn_only=True)  # threads add gradients of one item in any order otherwise
    run.network.train()
    total, steps = 0.0, 0
    for batch in batches:
        with torch.autocast(where, dtype=torch.bfloat16, enabled=where == "cuda"):
            found = loss(batch)
        value = found.item()
        if not torch.isfinite(found):
            raise PromptrecError(f"training: the loss became {value} in epoch {epoch}; lower the learning rate")
        run.optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(run.network.parameters(), CLIP)
        run.optimizer.step()
        total, steps = total + value, steps + 1
    run.schedule.step()
    return total / max(steps, 1)
