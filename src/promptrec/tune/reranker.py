"""`tune --reranker`: vectors before a frozen decoder's words are tuned so that it says yes to what comes next."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from promptrec.backbone.language.decoder import Decoder
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.evaluate.significance import compared
from promptrec.models.finding import find
from promptrec.progress import progress
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.rank.reranker import WORDS, DecoderReranker, Floats, starting_vectors
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.lists import Lists
from promptrec.tune.task import task_of
from promptrec.tune.tune import EXAMPLES_FILE

STEPS = 300
BATCH = 4
NEGATIVES = 7
RATE = 1e-2
CHECK_EVERY = 12
CHOOSES = 48  # validation examples whose loss chooses a step
PATIENCE = 3  # checks
SECONDS = 600.0
MOST_TRAINED = 2_000
SCORED = 150  # examples of validation people that choose the share, and of test people that are asked at the end


@dataclass(frozen=True)
class Descent:
    """vectors: (8, width) of the step with the lowest loss of those who choose; curve: step, loss of training and of
    validation."""

    vectors: Tensor
    curve: list[dict[str, float]]


def tune_reranker(
    recommender: Recommender,
    name: str,
    reranker: str,
    scenario: str | None = None,
    text: str | None = None,
    seed: int = 0,
    *,
    examples: str | Path | None = None,
    limit: int | None = None,
    seconds: float = SECONDS,
) -> Prompt:
    """Tune eight vectors before the words of a decoder on training people, choose their step and the decoder's share on
    validation people, score both once on test people, and save them as the next version of `name`.

    reranker: the decoder, a packaged model, a folder or a name in Hugging Face's cache. The other arguments are those
    of `tune`; `seconds` ends the descent, after which some three minutes go into choosing and scoring.
    Raises PromptrecError, naming it, for whatever cannot work.
    """
    check_name(name)
    task = task_of(recommender, scenario, examples, limit, seed)
    decoder = Decoder(find(reranker))
    start = DecoderReranker(decoder, recommender.catalogue, starting_vectors(decoder, text or WORDS), 0.0)
    training, validation, test = (
        Lists.of(recommender, _drawn(own, most, name, seed))
        for own, most in ((task.training, MOST_TRAINED), (task.validation, SCORED), (task.test, SCORED))
    )
    found = descend(start, training, validation, name, seed, seconds)
    tuned = DecoderReranker(decoder, recommender.catalogue, found.vectors, 0.0)
    chosen = validation.answers(tuned)
    share = validation.best_share(chosen)
    recipe = {
        "verb": "tune",
        "reranker": reranker,
        "scenario": scenario,
        "examples": EXAMPLES_FILE if examples else None,
        "text": text,
        "limit": limit,
        "seconds": seconds,
        "seed": seed,
    }
    card = {
        "data": recommender.dataset.label,
        "task": task.words,
        "decoder": decoder.fingerprint,
        "share": share,
        "examples": len(training),
        "validation_examples": len(validation),
        "test_examples": len(test),
        "objective": "the decoder's yes to what came, against seven others of the first fifty",
        "validation": _scores(validation, chosen, share, seed),
        "test": _scores(test, test.answers(tuned), share, seed) if len(test) else {},
        "curve": found.curve,
    }
    prompt = Prompt(
        name=name,
        kind="reranker",
        words=text or WORDS,
        backbone=recommender.backbone.fingerprint,
        tensors={"input": found.vectors},
        recipe={key: value for key, value in recipe.items() if value is not None},
        card=card,
    )
    return recommender.library.save(prompt, {EXAMPLES_FILE: task.source} if task.source else {})


def descend(
    start: DecoderReranker, training: Lists, validation: Lists, name: str, seed: int, seconds: float
) -> Descent:
    """Minimise, with AdamW, the cross-entropy of the item that came among seven others of its list, by the softmax of
    the decoder's answers.

    The step with the lowest loss on 48 validation lists is kept, the start among them; after three checks without a
    lower one, or after `seconds`, tuning ends. Raises PromptrecError where a list has nothing beside what came.
    """
    began = time.monotonic()
    rng = generator(seed, f"tune reranker {name}")
    leaf = start.vectors.detach().clone().requires_grad_()
    optimizer = torch.optim.AdamW([leaf], lr=RATE, weight_decay=0.0)
    choosing = [(i, _choice(validation, i, rng)) for i in range(min(CHOOSES, len(validation)))]
    curve: list[dict[str, float]] = []
    losses: list[float] = []
    best, best_loss, waited = leaf.detach().clone(), float("inf"), 0
    for step in progress(range(STEPS + 1), f"tuning {name}", STEPS + 1):
        over = time.monotonic() - began > seconds
        if step % CHECK_EVERY == 0 or over:
            with torch.inference_mode():
                value = float(np.mean([float(_loss(start, validation, i, rows, leaf)) for i, rows in choosing]))
            curve.append({"step": step, "validation": value} | ({"loss": float(np.mean(losses))} if losses else {}))
            losses, waited = [], waited + 1
            if value < best_loss:
                best, best_loss, waited = leaf.detach().clone(), value, 0
            if over or waited >= PATIENCE:
                break
        optimizer.zero_grad()
        for i in rng.integers(len(training), size=BATCH).tolist():  # one at a time: a list is a batch of its own
            loss = _loss(start, training, i, _choice(training, i, rng), leaf)
            (loss / BATCH).backward()  # type: ignore[no-untyped-call]
            losses.append(loss.item())
        optimizer.step()
    return Descent(best.cpu(), curve)


def _choice(lists: Lists, i: int, rng: np.random.Generator) -> list[int]:
    """The row that came, and up to seven others of its list after it."""
    target = int(lists.targets[i])
    others = lists.found[i][0]
    others = others[others != target]
    if not len(others):
        raise PromptrecError("the catalogue has no item beside what came; a reranker needs lists to order")
    return [target, *rng.permutation(others)[:NEGATIVES].tolist()]


def _loss(reranker: DecoderReranker, lists: Lists, i: int, rows: list[int], vectors: Tensor) -> Tensor:
    logits = reranker.logits(lists.queries[i], rows, vectors)
    return F.cross_entropy(logits[None], torch.zeros(1, dtype=torch.long, device=logits.device))


def _drawn(examples: Examples, most: int, name: str, seed: int) -> Examples:
    order = generator(seed, f"examples of reranker {name}").permutation(len(examples))[:most]
    return examples.take(np.sort(order))


def _scores(lists: Lists, answers: list[Floats | None], share: float, seed: int) -> dict[str, dict[str, Any]]:
    return {"ndcg@10": compared(lists.ndcg(answers, 0.0), lists.ndcg(answers, share), seed)}
