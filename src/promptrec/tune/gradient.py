"""Gradient descent on a prompt's vectors; the backbone does not change by a bit (article, section 4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from promptrec.backbone.sequence import SequenceBackbone, device
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.evaluate.protocol import rank
from promptrec.evaluate.ranking import ndcg
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.seeding import generator

STEPS = 200
BATCH = 128
HISTORY = 50
CHECK_EVERY = 20
PREFIX_RATE = 1e-2
SHIFT_RATE = 3e-3


def tune_vectors(
    backbone: SequenceBackbone,
    start: Prompt,
    training: Examples,
    validation: Examples,
    seed: int,
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """Minimise the cross-entropy of the examples' items over the prompt's tensors alone, beginning at those of `start`.

    Returns the tensors of the step that is best on `validation` (NDCG@10 over the full catalogue; the start itself is
    among the candidates) and the curve. Raises PromptrecError without examples.
    """
    for name, examples in (("tune on", training), ("choose on", validation)):
        if not len(examples):
            raise PromptrecError(f"prompt {start.name!r}: the scenario leaves no examples to {name}; widen it")
    before = backbone.fingerprint
    rng = generator(seed, f"tune {start.name}")
    tensors = {name: tensor.clone().to(device()).requires_grad_() for name, tensor in start.tensors.items()}
    rates = {"prefix": PREFIX_RATE, "shift": SHIFT_RATE}
    optimizer = torch.optim.AdamW([{"params": [t], "lr": rates[n]} for n, t in tensors.items()], weight_decay=0.0)
    keys, targets = backbone.encode_items(), torch.from_numpy(training.targets).to(device())
    chosen = validation.take(np.sort(rng.permutation(len(validation))[:1_000]))
    best, best_tensors, curve = -1.0, _frozen(tensors), []
    for step in progress(range(STEPS + 1), f"tuning {start.name}", STEPS + 1):
        if step % CHECK_EVERY == 0:
            current = Prompt(start.name, "soft", start.words, before, _frozen(tensors))
            score = float(ndcg_per_example(backbone, chosen, current).mean())
            curve.append({"step": float(step), "validation_ndcg@10": score})
            if score > best:
                best, best_tensors = score, _frozen(tensors)
        drawn = rng.integers(len(training), size=BATCH)
        histories = [training.history(int(i)).last(HISTORY) for i in drawn]
        queries = backbone.queries(histories, {name: t.expand(BATCH, *t.shape) for name, t in tensors.items()})
        loss = F.cross_entropy(backbone.scale * queries @ keys.T, targets[torch.from_numpy(drawn).to(device())])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return best_tensors, curve


def _frozen(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone().cpu() for name, tensor in tensors.items()}


def ndcg_per_example(backbone: SequenceBackbone, examples: Examples, prompt: Prompt | None) -> npt.NDArray[np.float64]:
    """(n,) NDCG@10 over the full catalogue, seen items out."""
    ranking = rank(backbone, examples, make_query=lambda history: Query(history=history, prompt=prompt))
    return ndcg(ranking.ranks)
