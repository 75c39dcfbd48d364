"""Gradient descent on a prompt's vectors; the backbone does not change by a bit (article, section 4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from promptrec.backbone.interface import Backbone
from promptrec.backbone.sequence import device
from promptrec.data.catalogue import Rows
from promptrec.data.history import History
from promptrec.data.split import Examples
from promptrec.progress import progress
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.seeding import generator
from promptrec.tune.objective import Loss
from promptrec.tune.start import Start, Tunable
from promptrec.tune.validation import (
    LastLayer,
    Questions,
    no_candidates,
    on_each,
    plain_queries,
)

BATCH = 128
HISTORY = 50
MOST_TO_CHOOSE = 500
MOST_KEPT = 10_000  # examples that are read once: for a prefix at the last layer 512 MB where the network is 128 wide
LOUDNESS = (1.0, 0.5, 0.25, 0.0)

Logits = Callable[[torch.Tensor, Sequence[History]], torch.Tensor]
"""(b, items) of the examples at rows (b,), with their histories, by the prompt as it stands."""


@dataclass(frozen=True)
class Descent:
    """The prompt of the step that validation chose, and the curve: step, loss of training, score of validation."""

    prompt: Prompt
    curve: list[dict[str, float]]


def descend(
    backbone: Backbone,
    tunable: Tunable,
    loss: Loss,
    training: Examples,
    validation: Examples,
    seed: int,
    candidates: Rows | None = None,
    seconds: float | None = None,
) -> Descent:
    """Minimise `loss` over the leaves of `tunable` with AdamW and return what was best on `validation`. candidates: the
    items that are ranked, the answers among them; all where None.

    The score of a step, higher is better, is NDCG@10 where relevance is all that counts, else
    the negative loss. The start and silence are among the candidates, so that no prompt is worse than none on those who
    choose; after 100 steps without a better one tuning stops. Checks are 20 steps apart; where only the shift changes
    they cost little, and are five steps apart and ask more of those who choose. A prefix at the last layer is tuned on
    what the layers below have made of the histories once. A backbone may have another pace. After `seconds` tuning ends
    as well.
    """
    started, pace = time.monotonic(), tunable.pace(len(training))
    name = tunable.start.name
    rng = generator(seed, f"tune {name}")
    if tunable.method == "last-prefix" and len(training) > MOST_KEPT:
        training = training.take(np.sort(rng.permutation(len(training))[:MOST_KEPT]))
    shifting = set(tunable.tensors()) <= {"shift", "gate"} and len(training) <= MOST_KEPT
    if shifting:
        pace = replace(pace, steps=300, batch=BATCH, check_every=5, chooses=4 * MOST_TO_CHOOSE)
    optimizer = torch.optim.AdamW(tunable.groups(pace), weight_decay=0.0)
    chosen = validation.take(np.sort(rng.permutation(len(validation))[: pace.chooses]))
    questions = Questions(backbone, chosen, candidates)
    best, best_step = tunable.silent(), 0
    best_score = _score(questions, best, loss)
    others = no_candidates(backbone, candidates)
    how = _by_shift if shifting else _by_last_layer if tunable.method == "last-prefix" else _by_all_layers
    logits_of = how(backbone, tunable, training)
    mean = tunable.prompt()
    curve: list[dict[str, float]] = []
    losses: list[float] = []
    for step in progress(range(pace.steps + 1), f"tuning {name}", pace.steps + 1):
        over = seconds is not None and time.monotonic() - started > seconds
        if step % pace.check_every == 0 or over:
            current = mean if pace.averaged else tunable.prompt()
            score = _score(questions, current, loss)
            curve.append({"step": step, "loss": float(np.mean(losses or [np.nan])), "validation": score})
            losses = []
            if score > best_score:
                best, best_score, best_step = current, score, step
            if over or step - best_step >= pace.patience:
                break
        numbers = rng.integers(len(training), size=min(pace.batch, len(training)))
        drawn = training.take(numbers)
        histories = [history.last(HISTORY) for history in drawn]
        logits = logits_of(torch.from_numpy(numbers).to(device()), histories)
        if candidates is not None:
            logits = logits.masked_fill(others, -torch.inf)
        value = loss(logits, torch.from_numpy(drawn.targets).to(device()), histories)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if pace.averaged:
            now = tunable.prompt()
            mean = replace(now, tensors=running_mean(mean.tensors, now.tensors, pace.averaged))
        losses.append(value.item())
    curve[0].pop("loss")
    return Descent(best, curve)


def running_mean(
    mean: Mapping[str, torch.Tensor], step: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """`share` of the mean of the steps before, and the rest of the step: in it the steps' noise evens out (Polyak and
    Juditsky, 1992). Numbers that are counted, not learnt, are those of the step."""
    return {name: torch.lerp(own, mean[name], share) if own.is_floating_point() else own for name, own in step.items()}


def _by_all_layers(backbone: Backbone, tunable: Tunable, _: Examples) -> Logits:
    keys = backbone.encode_items()

    def logits(rows: torch.Tensor, histories: Sequence[History]) -> torch.Tensor:
        return backbone.scale * backbone.queries(histories, on_each(tunable.tensors(), len(rows))) @ keys.T

    return logits


def _by_last_layer(backbone: Backbone, tunable: Tunable, training: Examples) -> Logits:
    """What the layers below make of the histories is computed once, and what the shift adds to items, for everybody."""
    last = LastLayer(backbone, [history.last(HISTORY) for history in training])
    keys, width = backbone.encode_items(), backbone.prompt_shape.width
    added = backbone.scale * keys @ tunable.fixed["shift"]

    def logits(rows: torch.Tensor, _: Sequence[History]) -> torch.Tensor:
        encoded = last.encoded(tunable.tensors()["prefix"], rows)
        return F.linear(backbone.scale * encoded, keys[:, :width], added)

    return logits


def _by_shift(backbone: Backbone, tunable: Tunable, training: Examples) -> Logits:
    """The queries without a prompt are computed once."""
    keys, plain = backbone.encode_items(), plain_queries(backbone, list(training))

    def logits(rows: torch.Tensor, _: Sequence[History]) -> torch.Tensor:
        return backbone.scale * backbone.moved(plain[rows], tunable.tensors()) @ keys.T

    return logits


def loudness(
    backbone: Backbone, start: Start, loss: Loss, validation: Examples, candidates: Rows | None = None
) -> Start:
    """The start with its shift as loud as validation likes: words and items may say too much, or nothing of use."""
    if start.saved is not None or not start.prompt.words or not start.prompt.tensors["shift"].any():
        return start
    chosen = validation.take(np.arange(0, len(validation), max(1, len(validation) // MOST_TO_CHOOSE)))
    questions = Questions(backbone, chosen, candidates)
    shift = start.prompt.tensors["shift"]
    tried = [replace(start.prompt, tensors={**start.prompt.tensors, "shift": part * shift}) for part in LOUDNESS]
    best = max(tried, key=lambda prompt: _score(questions, prompt, loss))
    return replace(start, prompt=best)


def _score(questions: Questions, prompt: Prompt, loss: Loss) -> float:
    if loss.objective.only_relevance:
        return float(questions.ndcg(prompt).mean())
    return -mean_loss(questions.backbone, prompt, loss, questions.examples, questions.candidates, questions.plain)


def mean_loss(
    backbone: Backbone,
    prompt: Prompt | None,
    loss: Loss,
    examples: Examples,
    candidates: Rows | None = None,
    plain: torch.Tensor | None = None,
) -> float:
    """The mean loss of a prompt on examples; queries are of length one where the prompt is a mix.

    plain: the examples' queries without a prompt, where they are known; a prompt that only shifts needs no others.
    """
    total = 0.0
    with torch.inference_mode():
        keys, others = backbone.encode_items(), no_candidates(backbone, candidates)
        for start in range(0, len(examples), BATCH):
            chunk = examples.take(np.arange(start, min(start + BATCH, len(examples))))
            histories = [history.last(HISTORY) for history in chunk]
            leaves = prompt.flat() if prompt else []
            if plain is not None and len(leaves) == 1 and set(leaves[0][0].tensors) == {"shift"}:
                queries = plain[start : start + BATCH] + leaves[0][0].tensors["shift"].to(plain.device)
            elif len(leaves) > 1:
                queries = backbone.encode_queries([Query(history=history, prompt=prompt) for history in histories])
            else:
                own = leaves[0][0].tensors if leaves else {}
                queries = backbone.queries(histories, on_each(own, len(chunk)))
            targets = torch.from_numpy(chunk.targets).to(keys.device)
            logits = (backbone.scale * queries @ keys.T).masked_fill(others, -torch.inf)
            total += float(loss(logits, targets, histories)) * len(chunk)
    return total / len(examples)
