"""`search`: the words of a prompt, changed one at a time where the gradient points; only validation decides.

The gradient of the loss on training people at the prompt's vectors says how much a small change of them would help; a
sentence's vectors minus the current ones, times that gradient, is what the sentence promises (article, section 4.3:
gradients of single words adjust the prompt; the linear estimate is that of HotFlip, Ebrahimi et al., ACL 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promptrec.data.scenario import match
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.slots import has_slots
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.objective import Objective
from promptrec.tune.sentences import prompts_of
from promptrec.tune.task import Task, task_of
from promptrec.tune.tune import EXAMPLES_FILE, card_of
from promptrec.tune.validation import Questions
from promptrec.tune.wording import Rewriter, language_of, neighbours, rewordings, vocabulary

BUDGET = 150
BEAM = 4
ENCODED = 48  # sentences encoded for each of the beam in a round: what the gradient is asked about
TRIED = 8  # of them, evaluated on validation
MOST_QUESTIONS = 600
LONGEST = 120
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Found:
    """A sentence, its NDCG@10 on the validation questions and on the regression set."""

    sentence: str
    score: float
    guard: float


def search(
    recommender: Recommender,
    name: str,
    scenario: str | None = None,
    text: str | None = None,
    seed: int = 0,
    *,
    examples: str | Path | None = None,
    limit: int | None = None,
    budget: int = BUDGET,
    protect: Sequence[str] = (),
    regression: str | None = None,
    rewriter: str | None = None,
) -> Prompt:
    """Search for the sentence that serves a task best and save it as the next version of `name`, a text prompt.

    text: the sentence to begin with, the best attribute word where None. budget: how many sentences are evaluated on
    validation people. protect: phrases that stay as they are. regression: a scenario on whose events of validation
    people no sentence may score below the first; a third of the task's own validation people where None, on whom the
    search does not choose. rewriter: the address of an OpenAI-compatible endpoint that proposes rewritings.
    Raises PromptrecError, naming it, for whatever cannot work.
    """
    check_name(name)
    task = task_of(recommender, scenario, examples, limit, seed)
    if text is not None and has_slots(text):
        raise PromptrecError(f"--text {text!r}: slots are filled from each history; search a sentence without them")
    for phrase in protect:
        if text is None or phrase.lower() not in text.lower():
            raise PromptrecError(f"--protect {phrase!r}: it is not in the sentence to begin with; write it into --text")
    helper = Rewriter(rewriter) if rewriter else None
    best, steps = words_for(recommender, task, text, seed, budget, protect, regression, helper)
    prompt = replace(recommender.requests.prompt(best.sentence), name=name)
    recipe = {
        "verb": "search",
        "scenario": scenario,
        "examples": EXAMPLES_FILE if examples else None,
        "text": text,
        "limit": limit,
        "budget": budget,
        "protect": list(protect) or None,
        "regression": regression,
        "rewriter": rewriter,
        "seed": seed,
    }
    prompt = replace(prompt, recipe={key: value for key, value in recipe.items() if value is not None})
    card = card_of(recommender, task, prompt, Objective(), seed, steps=steps, evaluations=len(steps))
    return recommender.library.save(replace(prompt, card=card), {EXAMPLES_FILE: task.source} if task.source else {})


def words_for(
    recommender: Recommender,
    task: Task,
    text: str | None,
    seed: int,
    budget: int,
    protect: Sequence[str] = (),
    regression: str | None = None,
    rewriter: Rewriter | None = None,
) -> tuple[Found, list[dict[str, Any]]]:
    """The search alone: the best sentence that does not fall behind the first on the regression set, and every step."""
    if budget < 1:
        raise PromptrecError(f"--budget: expected at least 1 evaluation, found {budget}")
    return _Search(recommender, task, text, seed, budget, protect, regression, rewriter).run()


class _Search:
    def __init__(
        self,
        recommender: Recommender,
        task: Task,
        text: str | None,
        seed: int,
        budget: int,
        protect: Sequence[str],
        regression: str | None,
        rewriter: Rewriter | None,
    ) -> None:
        self.requests = recommender.requests
        self.task, self.budget, self.protect, self.rewriter = task, budget, protect, rewriter
        self.rng = generator(seed, f"search {task.words}")
        chosen, guard = self._validation(recommender, regression)
        self.choosing, self.guarding = (Questions(recommender.backbone, found) for found in (chosen, guard))
        self.training = Questions(recommender.backbone, _some(task.training, self.rng))
        labels = recommender.dataset.manifest.get("labels", {})
        self.words = vocabulary(recommender.catalogue, labels, language_of(text or ""))
        self.begin = [text] if text else self.words[:TRIED] or [task.words]
        self.prompts: dict[str, Prompt] = {}
        self.found: dict[str, Found] = {}
        self.steps: list[dict[str, Any]] = []

    def _validation(self, recommender: Recommender, regression: str | None) -> tuple[Examples, Examples]:
        asked = self.task.validation
        if regression is not None:
            split, matches = recommender.split, match(recommender.dataset, regression)
            guard = split.matching(split.validation, matches)
            if not len(guard):
                raise PromptrecError(f"--regression {regression!r}: no validation person has an event that matches")
            return _some(asked, self.rng), _some(guard, self.rng)
        people = np.unique(asked.people)
        guards = np.isin(asked.people, self.rng.permutation(people)[: len(people) // 3])
        if not guards.any():
            return _some(asked, self.rng), _some(asked, self.rng)
        return _some(asked.take(~guards), self.rng), _some(asked.take(guards), self.rng)

    def run(self) -> tuple[Found, list[dict[str, Any]]]:
        for sentence in self.begin[: self.budget]:
            self.evaluate(sentence, "start")
        first = max(self.found.values(), key=lambda found: found.score)
        beam, expanded = [first], set[str]()
        while len(self.steps) < self.budget:
            evaluated = len(self.steps)
            # Only some of a sentence's neighbours are asked about at a time: when all were, others are.
            for current in [found for found in beam if found.sentence not in expanded] or beam:
                expanded.add(current.sentence)
                self.expand(current.sentence)
            kept = [found for found in self.found.values() if found.guard >= first.guard - TOLERANCE]
            beam = sorted(kept, key=lambda found: (-found.score, len(found.sentence), found.sentence))[:BEAM]
            if len(self.steps) == evaluated:
                break
            say(f"{len(self.steps)} of {self.budget} evaluations: {beam[0].score:.4f} {beam[0].sentence!r}")
        kept = [found for found in self.found.values() if found.guard >= first.guard - TOLERANCE]
        return max(kept, key=lambda found: (found.score, -len(found.sentence))), self.steps

    def expand(self, sentence: str) -> None:
        """Evaluate what promises most among the neighbours of a sentence, and some rewritings of it."""
        rewritten = rewordings(sentence) if len(sentence) <= LONGEST // 2 else []
        if self.rewriter is not None:
            rewritten = [*self.rewriter.propose(sentence, self.task.words, self.protect), *rewritten]
        near = self._new(neighbours(sentence, self.words))
        asked = [near[i] for i in self.rng.permutation(len(near))[:ENCODED]]
        gradient = self.training.shift_gradient(self.prompt(sentence))
        at = self.prompt(sentence).tensors["shift"]
        self.read([sentence for sentence in [*asked, *rewritten] if sentence not in self.prompts])
        promised = {other: float(gradient @ (self.prompt(other).tensors["shift"] - at)) for other in asked}
        best = sorted(promised, key=lambda other: promised[other])[:TRIED]
        for source, sentences in (("gradient", best), ("rewriting", self._new(rewritten)[: TRIED // 2])):
            for other in sentences:
                if len(self.steps) < self.budget:
                    self.evaluate(other, source)

    def _new(self, sentences: Sequence[str]) -> list[str]:
        return [
            sentence
            for sentence in dict.fromkeys(sentences)
            if sentence not in self.found
            and 0 < len(sentence) <= LONGEST
            and all(phrase.lower() in sentence.lower() for phrase in self.protect)
        ]

    def evaluate(self, sentence: str, source: str) -> None:
        prompt = self.prompt(sentence)
        score, guard = (float(part.ndcg(prompt).mean()) for part in (self.choosing, self.guarding))
        self.found[sentence] = Found(sentence, score, guard)
        self.steps.append({"sentence": sentence, "from": source, "validation": score, "regression": guard})

    def prompt(self, sentence: str) -> Prompt:
        """The sentence's prompt, with a shift of zero where the words say nothing to the model."""
        if sentence not in self.prompts:
            self.read([sentence])
        return self.prompts[sentence]

    def read(self, sentences: Sequence[str]) -> None:
        silent = {"shift": torch.zeros(self.training.plain.shape[1])}
        for sentence, made in zip(sentences, prompts_of(self.requests, sentences), strict=True):
            self.prompts[sentence] = replace(made, tensors={**silent, **made.tensors})


def _some(examples: Examples, rng: np.random.Generator) -> Examples:
    return examples.take(np.sort(rng.permutation(len(examples))[:MOST_QUESTIONS]))
