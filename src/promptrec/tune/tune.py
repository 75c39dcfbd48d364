"""`tune`: a scenario's events become examples, a text becomes a prompt, gradient descent makes it fit."""

from __future__ import annotations

from dataclasses import replace

import torch

from promptrec.data.scenario import match
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.seeding import torch_generator
from promptrec.tune.gradient import ndcg_per_example, tune_vectors


def tune(recommender: Recommender, name: str, scenario: str, text: str | None = None, seed: int = 0) -> Prompt:
    """Tune a prompt for `scenario` on training people, choose its step on validation people, score it once on test
    people, and save it as the next version of `name`.

    scenario: one SQL expression over events joined with items. text: words to start from; without it, a random start.
    Raises PromptrecError for a bad name, a scenario that does not parse or matches nothing, or too few people out.
    """
    check_name(name)
    backbone, split = recommender.backbone, recommender.split
    matches = match(recommender.dataset, scenario)
    training = split.matching(split.training, matches)
    test = split.matching(split.test, matches)
    start = recommender.requests.prompt(text, name) if text else _random_start(recommender, name, seed)
    tensors, curve = tune_vectors(backbone, start, training, split.matching(split.validation, matches), seed)
    tuned = replace(start, kind="soft", words=text or scenario, tensors=tensors)
    card = {"examples": len(training), "curve": curve, "test_examples": len(test), "test": None}
    if len(test):
        before, after = (ndcg_per_example(backbone, test, prompt) for prompt in (None, tuned))
        card["test"] = {
            "ndcg@10_without": bootstrap_interval(before, seed),
            "ndcg@10_with": bootstrap_interval(after, seed),
            "difference": paired_difference(after, before, seed),
        }
    recipe = {"verb": "tune", "scenario": scenario, "text": text, "seed": seed}
    return recommender.library.save(replace(tuned, recipe=recipe, card=card))


def _random_start(recommender: Recommender, name: str, seed: int) -> Prompt:
    shape = recommender.backbone.prompt_shape
    noise = torch_generator(seed, f"start {name}")
    tensors = {
        "prefix": 0.02 * torch.randn(shape.layers, 2, shape.tokens, shape.width, generator=noise),
        "shift": torch.zeros(shape.shift),
    }
    return Prompt(name, "soft", "", recommender.backbone.fingerprint, tensors)
