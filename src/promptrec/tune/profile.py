"""`tune --profile`: a generator from a person's attributes and number of events to a prompt, for cold people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from promptrec.backbone.interface import Backbone, Pace
from promptrec.backbone.sequence import device
from promptrec.errors import PromptrecError
from promptrec.evaluate.metrics import ndcg
from promptrec.evaluate.significance import compared
from promptrec.progress import progress
from promptrec.prompt.folder import MOST_BYTES
from promptrec.prompt.library import check_name
from promptrec.prompt.profile import GENERATOR, block_sizes
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.seeding import generator, torch_generator
from promptrec.tune.cold import Cold, attributes_of, cold_questions, profiles_of, ranks_of, scores_of, steered
from promptrec.tune.gradient import running_mean
from promptrec.tune.objective import training_counts

BELOW = 5
MOST_HIDDEN = 8
HEADER = 1_024  # bytes, at most, of what a file says about five tensors
PACE = Pace(steps=1_200, batch=256, check_every=40, patience=400, averaged=0.99)
MISSING = 0.5


def tune_profile(recommender: Recommender, name: str, below: int = BELOW, seed: int = 0) -> Prompt:
    """Tune a profile prompt on the first events of training people, choose its step on those of validation people,
    score it once on those of test people, and save it as the next version of `name`.

    below: it is for people with 0 to below - 1 events. Raises PromptrecError for people without attributes.
    """
    check_name(name)
    if not 1 <= below <= 20:
        raise PromptrecError(f"--below: expected 1 to 20 events, found {below}")
    backbone, split = recommender.backbone, recommender.split
    schema: dict[str, Any] = {"attributes": attributes_of(recommender), "below": below}
    profiles = profiles_of(recommender, schema)
    training = cold_questions(split, split.training, profiles, schema, below, split.training_lengths())
    lengths = split.histories.lengths()
    validation, test = (
        cold_questions(split, people, profiles, schema, below, lengths[people])
        for people in (split.validation, split.test)
    )
    for what, questions in (("tune on", training), ("choose on", validation)):
        if not len(questions):
            raise PromptrecError(f"prompt {name!r}: there are no people to {what}; train with another --people-out")
    tensors, curve = fit_generator(backbone, name, training, validation, schema, seed)
    card = {
        "profile": schema,
        "data": recommender.dataset.label,
        "examples": len(training),
        "objective": "1 relevance",
        "curve": curve,
        "validation": _scores(recommender, tensors, validation, schema, seed),
        "test": _scores(recommender, tensors, test, schema, seed) if len(test) else None,
    }
    words = f"people with fewer than {below} events, by {', '.join(schema['attributes'])}"
    recipe = {"verb": "tune", "profile": True, "below": below, "seed": seed}
    prompt = Prompt(name, "profile", words, backbone.fingerprint, tensors, recipe=recipe, card=card)
    return recommender.library.save(prompt)


def _start(backbone: Backbone, inputs: int, name: str, seed: int) -> dict[str, torch.Tensor]:
    shape, noise = backbone.prompt_shape, torch_generator(seed, f"profile {name}")
    tokens = max(1, shape.tokens // 2) if shape.layers else 0
    hidden = _hidden(inputs, shape.shift, shape.layers * 2 * tokens * shape.width)
    found = {
        "shift": torch.zeros(shape.shift),
        GENERATOR[0]: torch.randn(inputs, hidden, generator=noise) / 2,
        GENERATOR[1]: torch.zeros(hidden),
        GENERATOR[2]: torch.zeros(hidden, shape.shift),
    }
    if shape.layers:
        found["prefix"] = 0.02 * torch.randn(shape.layers, 2, tokens, shape.width, generator=noise)
    return found


def _hidden(inputs: int, shift: int, prefix: int) -> int:
    """How many hidden numbers the generator has: at most eight, fewer where the prompt would not fit into its 20 KB."""
    room = (MOST_BYTES - HEADER) // 4 - shift - prefix
    return max(1, min(MOST_HIDDEN, room // (inputs + 1 + shift)))


def fit_generator(
    backbone: Backbone, name: str, training: Cold, validation: Cold, schema: Mapping[str, Any], seed: int
) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    """The tensors of a profile prompt, the running mean of the steps that did best on `validation`, and the curve."""
    rng = generator(seed, f"tune {name}")
    leaves = _start(backbone, training.x.shape[1], name, seed)
    tensors = {key: tensor.to(device()).requires_grad_() for key, tensor in leaves.items()}
    rates = [{"params": [t], "lr": PACE.rate if key == "prefix" else PACE.moving} for key, t in tensors.items()]
    optimizer = torch.optim.AdamW(rates, weight_decay=0.01)
    most = 4 * backbone.pace.chooses  # short histories cost little, and the steps differ by little
    chosen = validation.take(np.sort(rng.permutation(len(validation))[:most]))
    sizes = block_sizes(schema)
    widths = torch.tensor(sizes)
    mean = _kept(tensors)
    best, best_score, best_step = mean, -1.0, 0
    keys, curve = backbone.encode_items(), []
    for step in progress(range(PACE.steps + 1), f"tuning {name}", PACE.steps + 1):
        if step % PACE.check_every == 0:
            score = float(ndcg(ranks_of(scores_of(backbone, mean, chosen), chosen)).mean())
            curve.append({"step": float(step), "validation": score})
            if score > best_score:
                best, best_score, best_step = mean, score, step
            if step - best_step >= PACE.patience:
                break
        drawn = training.take(rng.integers(len(training), size=PACE.batch))
        there = torch.from_numpy(rng.random((PACE.batch, len(sizes))) >= MISSING).float()
        there[:, -1] = 1  # the number of events is always known
        x = drawn.x * torch.repeat_interleave(there, widths, dim=1)
        logits = backbone.scale * steered(backbone, tensors, drawn.histories, x) @ keys.T
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(drawn.targets).to(device()))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        mean = running_mean(mean, _kept(tensors), PACE.averaged)
    return best, curve


def _kept(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone().cpu() for name, tensor in tensors.items()}


def _scores(
    recommender: Recommender, tensors: dict[str, torch.Tensor], questions: Cold, schema: Mapping[str, Any], seed: int
) -> dict[str, dict[str, Any]]:
    """NDCG@10 without and with the prompt, as every card has it, then against popular items and the shared prompt."""
    backbone, split = recommender.backbone, recommender.split
    counts = torch.from_numpy(training_counts(split, len(recommender.catalogue)))
    counted = block_sizes(schema)[-1]
    unknown = torch.cat([torch.zeros_like(questions.x[:, :-counted]), questions.x[:, -counted:]], dim=1)
    nobody = Cold(questions.histories, unknown, questions.targets)
    scored = {
        "": scores_of(backbone, None, questions),
        " against popularity": counts.expand(len(questions), -1).clone(),
        " against the profile left out": scores_of(backbone, tensors, nobody),
    }
    after = ndcg(ranks_of(scores_of(backbone, tensors, questions), questions))
    return {
        f"ndcg@10{what}": compared(ndcg(ranks_of(scores, questions)), after, seed) for what, scores in scored.items()
    }
