"""What a tuned prompt says, read from what it does: it has no words of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.backbone.wishes import attribute_words
from promptrec.data.split import Examples
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.sentences import prompts_of

PEOPLE = 100
MOST = 5
MOST_REQUESTS = 40

Lifts = npt.NDArray[np.float32]


def read(recommender: Recommender, prompt: Prompt, examples: Examples, seed: int) -> dict[str, Any]:
    """The requests whose effect on the catalogue is most like the prompt's (cosine of their mean changes of score over
    up to 100 histories), and the attributes and items that the prompt lifts and sinks most (mean change of score; of an
    attribute, beyond the mean of all items).
    """
    drawn = generator(seed, "reading").permutation(len(examples))[: min(PEOPLE, recommender.backbone.pace.read)]
    queries = [Query(history=history) for history in examples.take(np.sort(drawn))]
    plain = recommender.backbone.score(queries).mean(axis=0)
    lift = _lift(recommender, queries, plain, prompt)
    labels = recommender.dataset.manifest.get("labels", {})
    words = attribute_words(recommender.catalogue, labels)
    names = [word.names["en"] for word in words][:MOST_REQUESTS]
    requests = prompts_of(recommender.requests, names)
    nearest = [
        (name, _cosine(lift, _lift(recommender, queries, plain, request)))
        for name, request in zip(names, requests, strict=True)
    ]
    attributes = [(f"{word.attribute}: {word.word}", float(lift[word.carried].mean() - lift.mean())) for word in words]
    items = [(recommender.catalogue.title(row), float(value)) for row, value in enumerate(lift)]
    return {
        "nearest_requests": _highest(nearest),
        "attributes_lifted": _highest([found for found in attributes if found[1] > 0]),
        "attributes_sunk": _lowest([found for found in attributes if found[1] < 0]),
        "items_lifted": _highest(items),
        "items_sunk": _lowest(items),
    }


def _lift(recommender: Recommender, queries: list[Query], plain: Lifts, prompt: Prompt) -> Lifts:
    steered = [Query(history=query.history, prompt=prompt) for query in queries]
    lift: Lifts = recommender.backbone.score(steered).mean(axis=0) - plain
    return lift


def _cosine(one: Lifts, other: Lifts) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def _highest(found: list[tuple[str, float]]) -> list[list[Any]]:
    return [[name, round(value, 4)] for name, value in sorted(found, key=lambda pair: -pair[1])[:MOST]]


def _lowest(found: list[tuple[str, float]]) -> list[list[Any]]:
    return [[name, round(value, 4)] for name, value in sorted(found, key=lambda pair: pair[1])[:MOST]]
