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
import numpy.typing as npt
import torch

from promptrec.data.catalogue import Rows
from promptrec.data.scenario import match
from promptrec.data.split import Examples
from promptrec.errors import PromptrecError
from promptrec.evaluate.significance import standard_error
from promptrec.progress import say
from promptrec.prompt.library import check_name
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.slots import has_slots
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.objective import Objective
from promptrec.tune.sentences import SentenceReader
from promptrec.tune.task import Task, task_of
from promptrec.tune.tune import EXAMPLES_FILE, card_of
from promptrec.tune.validation import Questions
from promptrec.tune.wording import (
    Rewriter,
    clauses,
    hinted,
    qualified,
    reworded,
    rewordings,
    shorter,
    vocabulary,
)

BUDGET = 300
LEFT = 10  # of the budget, a tenth at most, to leave clauses out at the end
BEAM = 4
ENCODED = 96  # sentences of a kind encoded for each of the beam in a round: what the gradient is asked about
TRIED = 6  # of them, evaluated on validation
QUALITIES = 16  # and of the words of quality, which are few
TRAINING_QUESTIONS = 600
LONGEST = 120
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Found:
    """A sentence, its NDCG@10 on each of the validation questions and, the mean, on the regression set."""

    sentence: str
    ndcg: npt.NDArray[np.float64]
    guard: float

    @property
    def score(self) -> float:
        return float(self.ndcg.mean())

    def near(self, best: Found, people: npt.NDArray[np.int64]) -> bool:
        """Whether it is behind by no more than the standard error of the difference; questions of one person, of whom
        `people` says who asks each, go up and down together."""
        lost = best.ndcg - self.ndcg
        return bool(lost.mean() <= standard_error(lost, people) + TOLERANCE)

    @property
    def said(self) -> tuple[int, int, int]:
        """How much it says: clauses, words, characters."""
        return len(clauses(self.sentence)), len(self.sentence.split()), len(self.sentence)


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

    text: the sentence to begin with, the best attribute word or word of quality where None. budget: how many sentences
    are evaluated on validation people. protect: phrases that stay as they are. regression: a scenario on whose events
    of validation people no sentence may score below the first; a third of the task's own validation people where None,
    on whom the search does not choose. rewriter: the address of an OpenAI-compatible endpoint that proposes rewritings.
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
    candidates: Rows | None = None,
) -> tuple[Found, list[dict[str, Any]]]:
    """The search alone: the best sentence that does not fall behind the first on the regression set, and every step.

    candidates: the items that are ranked, all where None.
    """
    if budget < 1:
        raise PromptrecError(f"--budget: expected at least 1 evaluation, found {budget}")
    return _Search(recommender, task, text, seed, budget, protect, regression, rewriter, candidates).run()


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
        candidates: Rows | None,
    ) -> None:
        self.reader = SentenceReader(recommender.requests)
        self.requests, most = recommender.requests, recommender.backbone.pace.scored
        self.task, self.budget, self.protect, self.rewriter = task, budget, protect, rewriter
        self.rng = generator(seed, f"search {task.words}")
        chosen, guard = self._validation(recommender, regression, most)
        self.choosing, self.guarding = (Questions(recommender.backbone, found, candidates) for found in (chosen, guard))
        training = _some(task.training, self.rng, TRAINING_QUESTIONS)
        self.training = Questions(recommender.backbone, training, candidates)
        labels, qualities = recommender.dataset.manifest.get("labels", {}), self.requests.qualities.directions
        self.words = vocabulary(recommender.catalogue, labels, text, qualities)
        self.text = text
        self.prompts: dict[str, Prompt] = {}
        self.found: dict[str, Found] = {}
        self.steps: list[dict[str, Any]] = []

    def _validation(self, recommender: Recommender, regression: str | None, most: int) -> tuple[Examples, Examples]:
        asked = self.task.validation
        if regression is not None:
            split, matches = recommender.split, match(recommender.dataset, regression)
            guard = split.matching(split.validation, matches)
            if not len(guard):
                raise PromptrecError(f"--regression {regression!r}: no validation person has an event that matches")
            return _some(asked, self.rng, most), _some(guard, self.rng, most)
        people = np.unique(asked.people)
        guards = np.isin(asked.people, self.rng.permutation(people)[: len(people) // 3])
        if not guards.any():
            return _some(asked, self.rng, most), _some(asked, self.rng, most)
        return _some(asked.take(~guards), self.rng, most), _some(asked.take(guards), self.rng, most)

    def run(self) -> tuple[Found, list[dict[str, Any]]]:
        """What is ahead of the others, less the clauses that it does without."""
        self.begin()
        first = self.found[self.text] if self.text else max(self.found.values(), key=lambda found: found.score)
        beam, expanded = self.best(first), set[str]()
        while len(self.steps) < self.budget - min(LEFT, self.budget // 10):
            evaluated = len(self.steps)
            # Only some of a sentence's neighbours are asked about at a time: when all were, others are.
            for current in [found for found in beam if found.sentence not in expanded] or beam:
                expanded.add(current.sentence)
                self.expand(current.sentence)
            beam = self.best(first)
            if len(self.steps) == evaluated:
                break
            say(f"{len(self.steps)} of {self.budget} evaluations: {beam[0].score:.4f} {beam[0].sentence!r}")
        return self.pruned(self.best(first)[0], first), self.steps

    def begin(self) -> None:
        """Evaluate the given sentence and, unless phrases are protected, what promises most of the attribute words and
        of the words of quality."""
        self.try_([self.text] if self.text else [], "start")
        words = [*self.words.attributes, *self.words.decades] or ([] if self.text else [*self.words.phrases])
        said = [said for forms in self.words.qualities.values() for said in forms]
        for some in (words, said):
            asked = self._new([some[i] for i in self.rng.permutation(len(some))[:ENCODED]])
            self.read(asked)
            losses = {word: self.training.loss(self.prompt(word)) for word in asked}
            self.try_(sorted(losses, key=lambda word: losses[word])[: min(TRIED, max(1, self.budget // 4))], "start")
        if not self.found:
            self.try_([self.task.words], "start")

    def best(self, first: Found) -> list[Found]:
        """The best that do not fall behind the first sentence on the regression set; of those that do the same to every
        list, the one that says least."""
        kept = [found for found in self.found.values() if found.guard >= first.guard - TOLERANCE]
        kept.sort(key=lambda found: (-found.score, -found.guard, *found.said, found.sentence))
        distinct = {(found.score, found.guard): found for found in reversed(kept)}
        return list(reversed(distinct.values()))[:BEAM]

    def pruned(self, best: Found, first: Found) -> Found:
        """Without the clauses by which it is ahead by no more than the standard error of the difference: luck."""
        while True:
            fewer = [one for one in shorter(best.sentence, self.words.language) if len(clauses(one)) < best.said[0]]
            self.try_(self._new(fewer), "shorter")
            found = [self.found[one] for one in fewer if one in self.found]
            near = [
                one
                for one in found
                if one.near(best, self.choosing.examples.people) and one.guard >= first.guard - TOLERANCE
            ]
            if not near:
                return best
            best = max(near, key=lambda one: one.score)

    def expand(self, sentence: str) -> None:
        """Evaluate what promises most among the neighbours of a sentence, and some rewritings of it."""
        rewritten = rewordings(sentence) if len(sentence) <= LONGEST // 2 else []
        if self.rewriter is not None:
            rewritten = [*self.rewriter.propose(sentence, self.task.words, self.protect), *rewritten]
        gradient = self.training.shift_gradient(self.prompt(sentence))
        at = self.prompt(sentence).tensors["shift"]
        self.try_(self._new(shorter(sentence, self.words.language))[:TRIED], "shorter")
        # A hint moves a tenth as far as another word does, so that hints are compared with hints.
        for source, near, most in (
            ("quality", qualified(sentence, self.words), QUALITIES),
            ("hint", hinted(sentence, self.words), TRIED),
            ("gradient", reworded(sentence, self.words), TRIED),
        ):
            new = self._new(near)
            asked = [new[i] for i in self.rng.permutation(len(new))[:ENCODED]]
            self.read(asked)
            promised = {other: float(gradient @ (self.prompt(other).tensors["shift"] - at)) for other in asked}
            self.try_(sorted(promised, key=lambda other: promised[other])[:most], source)
        self.try_(self._new(rewritten)[: TRIED // 3], "rewriting")

    def try_(self, sentences: Sequence[str], source: str) -> None:
        self.read([sentence for sentence in sentences if sentence not in self.prompts])
        for sentence in sentences:
            if len(self.steps) < self.budget:
                self.evaluate(sentence, source)

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
        found = Found(sentence, self.choosing.ndcg(prompt), float(self.guarding.ndcg(prompt).mean()))
        self.found[sentence] = found
        self.steps.append({"sentence": sentence, "from": source, "validation": found.score, "regression": found.guard})

    def prompt(self, sentence: str) -> Prompt:
        """The sentence's prompt, with a shift of zero where the words say nothing to the model."""
        if sentence not in self.prompts:
            self.read([sentence])
        return self.prompts[sentence]

    def read(self, sentences: Sequence[str]) -> None:
        silent = {"shift": torch.zeros(self.training.plain.shape[1])}
        for sentence, made in zip(sentences, self.reader.prompts(sentences), strict=True):
            self.prompts[sentence] = replace(made, tensors={**silent, **made.tensors})


def _some(examples: Examples, rng: np.random.Generator, most: int) -> Examples:
    return examples.take(np.sort(rng.permutation(len(examples))[:most]))
