"""What the cells of requests in words share: what is wanted, how it is said, and how well lists follow.

Asked is for the next item of those wanted; all items are ranked. A hard filter ranks what is wanted alone, in the
frozen model's order: it knows the attributes and cannot be beaten by much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from adaptation_world import EVERYTHING, SEED, Asked, drawn, examples_of, recommender
from promptrec.backbone.request import RequestEncoder
from promptrec.backbone.wishes import AttributeWord, attribute_words
from promptrec.evaluate.significance import bootstrap_interval
from promptrec.tune.sentences import prompts_of

LANGUAGES = ("en", "zh")
QUESTIONS = 200  # for each of what is wanted


@dataclass(frozen=True)
class Wanted:
    """name: of what is wanted; carried: (items,) mask; said: sentences by the way in which they say it."""

    name: str
    carried: np.ndarray
    said: Mapping[str, Sequence[str]]

    def asked(self, of: str = "test") -> Asked:
        task = examples_of(EVERYTHING, 1)
        examples = task.test if of == "test" else task.validation
        inside = examples.take(np.flatnonzero(self.carried[examples.targets]))
        return Asked(drawn(inside, QUESTIONS, f"wanted {self.name}"), np.arange(len(self.carried)))


def words_of_catalogue() -> list[AttributeWord]:
    own = recommender()
    return attribute_words(own.catalogue, own.dataset.manifest.get("labels", {}))


def said_with(
    ways: Mapping[str, Mapping[str, Sequence[str]]], words: Sequence[AttributeWord], *further: object
) -> dict[str, Sequence[str]]:
    """The wordings of each way and language, with what the words are called in it and what is called alike in all."""
    found: dict[str, Sequence[str]] = {}
    for language in LANGUAGES:
        names = [word.names.get(language, word.word) for word in words]
        for way, forms in ways.items():
            found[f"{way}, {language}"] = [form.format(*names, *further) for form in forms[language]]
    return found


def shifts(encoder: RequestEncoder, texts: Sequence[str]) -> dict[str, torch.Tensor]:
    return {text: prompt.tensors["shift"] for text, prompt in zip(texts, prompts_of(encoder, texts), strict=True)}


class Tally:
    """NDCG@10 and precision@10 of the ways to ask, one of what is wanted after another."""

    def __init__(self) -> None:
        self.ndcg: dict[str, list[np.ndarray]] = {}
        self.precision: dict[str, list[float]] = {}

    def add(self, way: str, asked: Asked, scores: torch.Tensor, carried: np.ndarray) -> None:
        self.ndcg.setdefault(way, []).append(asked.ndcg(scores))
        self.precision.setdefault(way, []).append(float(carried[scores.topk(10, dim=1).indices.numpy()].mean()))

    def ask(self, one: Wanted, asked: Asked, keys: torch.Tensor, encoder: RequestEncoder, behind: str = "") -> None:
        """What an encoder makes of every sentence; behind: what tells its ways from another's."""
        said = shifts(encoder, [text for sentences in one.said.values() for text in sentences])
        for way, sentences in one.said.items():
            for text in sentences:
                self.add(way + behind, asked, asked.scores(asked.plain + said[text], keys), one.carried)

    def without(self, one: Wanted, asked: Asked, keys: torch.Tensor) -> None:
        """What needs no reading of words: no request, and a filter by what the items carry."""
        frozen = asked.scores(asked.plain, keys)
        self.add("no request", asked, frozen, one.carried)
        outside = torch.from_numpy(~one.carried)
        self.add("hard filter", asked, frozen.masked_fill(outside, -torch.inf), one.carried)

    def rows(self) -> dict[str, dict[str, Any]]:
        """Means over what was wanted, of which each counts as one."""
        found = {}
        for way, parts in self.ndcg.items():
            means = np.array([part.mean() for part in parts])
            precision = float(np.mean(self.precision[way]))
            found[way] = {"ndcg@10": bootstrap_interval(means, SEED), "precision@10": precision}
        return found
