"""Gradient descent on a prompt's vectors; the backbone does not change by a bit (article, section 4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from promptrec.backbone.interface import Backbone
from promptrec.backbone.sequence import device
from promptrec.data.split import Examples
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.seeding import generator
from promptrec.tune.objective import Loss
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.start import Start, Tunable

STEPS = 300
BATCH = 128
HISTORY = 50
CHECK_EVERY = 20
PATIENCE = 5
MOST_TO_CHOOSE = 500
LOUDNESS = (1.0, 0.5, 0.25, 0.0)


@dataclass(frozen=True)
class Descent:
    """The prompt of the step that validation chose, and the curve: step, loss of training, score of validation."""

    prompt: Prompt
    curve: list[dict[str, float]]


def descend(
    backbone: Backbone, tunable: Tunable, loss: Loss, training: Examples, validation: Examples, seed: int
) -> Descent:
    """Minimise `loss` over the leaves of `tunable` with AdamW and return what was best on `validation`.

    The score of a step, higher is better, is NDCG@10 over the full catalogue where relevance is all that counts, else
    the negative loss. The start and silence are among the candidates, so that no prompt is worse than none on those who
    choose; after five checks without a better one, 20 steps apart, tuning stops.
    """
    name = tunable.start.name
    rng = generator(seed, f"tune {name}")
    optimizer = torch.optim.AdamW(tunable.groups(), weight_decay=0.0)
    chosen = validation.take(np.sort(rng.permutation(len(validation))[:MOST_TO_CHOOSE]))
    best, best_step = tunable.silent(), 0
    best_score = _score(backbone, best, loss, chosen)
    curve: list[dict[str, float]] = []
    keys = backbone.encode_items()
    losses: list[float] = []
    for step in progress(range(STEPS + 1), f"tuning {name}", STEPS + 1):
        if step % CHECK_EVERY == 0:
            current = tunable.prompt()
            score = _score(backbone, current, loss, chosen)
            curve.append({"step": step, "loss": float(np.mean(losses or [np.nan])), "validation": score})
            losses = []
            if score > best_score:
                best, best_score, best_step = current, score, step
            if step - best_step >= PATIENCE * CHECK_EVERY:
                break
        drawn = training.take(rng.integers(len(training), size=min(BATCH, len(training))))
        histories = [history.last(HISTORY) for history in drawn]
        stacked = {key: tensor.expand(len(drawn), *tensor.shape) for key, tensor in tunable.tensors().items()}
        logits = backbone.scale * backbone.queries(histories, stacked) @ keys.T
        value = loss(logits, torch.from_numpy(drawn.targets).to(device()), histories)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(value.item())
    curve[0].pop("loss")
    return Descent(best, curve)


def loudness(backbone: Backbone, start: Start, loss: Loss, validation: Examples) -> Start:
    """The start with its shift as loud as validation likes: words and items may say too much, or nothing of use."""
    if start.saved is not None or not start.prompt.words:
        return start
    chosen = validation.take(np.arange(0, len(validation), max(1, len(validation) // MOST_TO_CHOOSE)))
    shift = start.prompt.tensors["shift"]
    tried = [replace(start.prompt, tensors={**start.prompt.tensors, "shift": part * shift}) for part in LOUDNESS]
    best = max(tried, key=lambda prompt: _score(backbone, prompt, loss, chosen))
    return replace(start, prompt=best)


def _score(backbone: Backbone, prompt: Prompt, loss: Loss, examples: Examples) -> float:
    if loss.objective.only_relevance:
        return float(ndcg_per_example(backbone, examples, prompt).mean())
    return -mean_loss(backbone, prompt, loss, examples)


def mean_loss(backbone: Backbone, prompt: Prompt | None, loss: Loss, examples: Examples) -> float:
    """The mean loss of a prompt on examples; queries are of length one where the prompt is a mix."""
    total = 0.0
    with torch.inference_mode():
        keys = backbone.encode_items()
        for start in range(0, len(examples), BATCH):
            chunk = examples.take(np.arange(start, min(start + BATCH, len(examples))))
            histories = [history.last(HISTORY) for history in chunk]
            leaves = prompt.flat() if prompt else []
            if len(leaves) > 1:
                queries = backbone.encode_queries([Query(history=history, prompt=prompt) for history in histories])
            else:
                own = {
                    k: t.to(keys.device).expand(len(chunk), *t.shape) for p, _ in leaves for k, t in p.tensors.items()
                }
                queries = backbone.queries(histories, own)
            targets = torch.from_numpy(chunk.targets).to(keys.device)
            total += float(loss(backbone.scale * queries @ keys.T, targets, histories)) * len(chunk)
    return total / len(examples)
