from __future__ import annotations

import numpy as np
import pytest
import torch

from promptrec.backbone.sequence import fingerprint
from promptrec.data.scenario import match
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import mix
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.tune.score import ndcg_per_example
from promptrec.tune.tune import tune

EVEN_FILMS = "rating = 5"


@pytest.mark.parametrize("text", ["films with five stars", None])
def test_a_tuned_prompt_learns_its_scenario_and_leaves_the_model_alone(
    recommender: Recommender, text: str | None
) -> None:
    backbone = recommender.backbone
    before = fingerprint(backbone.network), recommender.requests.fingerprint
    prompt = tune(recommender, f"stars-{text is None}".lower(), EVEN_FILMS, text, seed=0)
    assert (fingerprint(backbone.network), fingerprint(recommender.requests.network)) == before

    split = recommender.split
    people = np.concatenate([split.validation, split.test])
    asked = split.matching(people, match(recommender.dataset, EVEN_FILMS))
    without, steered = (ndcg_per_example(backbone, asked, p).mean() for p in (None, prompt))
    assert steered > without + 0.02

    again = recommender.library.load(prompt.name)
    query = Query(history=asked.history(0), prompt=again)
    assert np.array_equal(backbone.score([query]), backbone.score([Query(history=asked.history(0), prompt=prompt)]))
    assert not np.allclose(backbone.score([query]), backbone.score([Query(history=asked.history(0))]))


def test_a_row_without_a_prompt_is_the_same_alone_and_in_a_mixed_batch(recommender: Recommender) -> None:
    history, _ = recommender.catalogue.history(["C0", "C1"])
    prompt = recommender.requests.prompt("war")
    alone = recommender.backbone.encode_queries([Query(history=history)])
    batch = recommender.backbone.encode_queries([Query(history=history, prompt=prompt), Query(history=history)])
    assert torch.equal(batch[1], alone[0])
    assert not torch.allclose(batch[0], alone[0])


def test_a_mix_lies_between_its_parts(recommender: Recommender) -> None:
    history, _ = recommender.catalogue.history(["C0", "C1"])
    war, romance = (recommender.requests.prompt(word) for word in ("war", "romance"))
    prompts = [war, mix([(war, 1), (romance, 1)]), romance]
    scores = recommender.backbone.score([Query(history=history, prompt=prompt) for prompt in prompts])
    of_war = scores[:, [recommender.catalogue.row(f"W{n}") for n in range(15)]].mean(axis=1)
    assert of_war[0] > of_war[1] > of_war[2]


@pytest.mark.parametrize(
    ("name", "scenario", "says"),
    [
        ("Bad Name", "rating = 5", "prompt name"),
        ("none", "rating = 9", "match"),
        ("broken", "rating ==== 5", "rating ==== 5"),
        ("column", "colour = 'red'", "colour"),
        ("number", "rating + 1", "rating"),
    ],
)
def test_what_cannot_be_tuned_is_refused(recommender: Recommender, name: str, scenario: str, says: str) -> None:
    with pytest.raises(PromptrecError, match=says):
        tune(recommender, name, scenario)
    assert name not in recommender.library.names()
