"""The one number that training chooses by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from promptrec.backbone.interface import Backbone
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.seeding import generator

CHUNK = 512
MOST_QUESTIONS = 25_000


def some(examples: Examples, seed: int) -> Examples:
    """All of them, or 25,000 drawn by the seed: enough to tell epochs apart, and validation costs people x items."""
    if len(examples) <= MOST_QUESTIONS:
        return examples
    return examples.take(np.sort(generator(seed, "validation").permutation(len(examples))[:MOST_QUESTIONS]))


def next_item_ndcg(scores: Callable[[list[History]], torch.Tensor], examples: Examples) -> float:
    """NDCG@10 over the full catalogue, seen items out: what chooses the epoch. scores: histories to (b, items)."""
    gains = []
    order = np.argsort(-examples.positions, kind="stable")  # histories of one length go together: less padding
    for start in range(0, len(order), CHUNK):
        chunk = examples.take(order[start : start + CHUNK])
        histories = list(chunk)
        with torch.no_grad():
            found = scores(histories)
        targets = torch.from_numpy(chunk.targets).to(found.device)[:, None]
        wanted = found.gather(1, targets)
        for row, history in zip(found, histories, strict=True):
            row[torch.from_numpy(history.rows).to(found.device)] = -torch.inf
        ranks = (found.scatter_(1, targets, wanted) >= wanted).sum(dim=1, dtype=torch.int32) - 1
        gains.append(torch.where(ranks < 10, 1 / (ranks + 2.0).log2(), 0.0))
    return float(torch.cat(gains).mean()) if gains else 0.0


def validation_ndcg(backbone: Backbone, examples: Examples) -> float:
    """`next_item_ndcg` of a backbone without a prompt."""

    def scores(histories: list[History]) -> torch.Tensor:
        return backbone.encode(histories, [{}] * len(histories)) @ backbone.encode_items().T

    return next_item_ndcg(scores, examples)
