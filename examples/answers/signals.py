"""What tells answers apart: their words, their meaning, and who wrote them. Scores are (questions, answers)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import bm25s
import numpy as np
from questions import Questions, Scores

from promptrec.content.cache import encode_cached
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.content.encoders.offline import OfflineTextEncoder

SENTENCE = re.compile(r"(?<=[.?!])\s+")
SHORTEST_SENTENCE = 20
RIDGE = 3e-4  # of the whitening: directions with less variance are noise
USUAL_ANSWERS, USUAL_ACCEPTED = 4.0, 1.5  # what an author without a record counts as


class Remembered:
    """A text encoder that encodes no text twice."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.name, self.width = encoder.name, encoder.width
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._known[text] for text in texts])


class Words:
    """BM25 as the library `bm25s` has it, with a question's title counted several times."""

    def __init__(self, questions: Questions, answers: Sequence[str]) -> None:
        self._answers, self._titles, self._texts = _terms(answers), _terms(questions.titles), _terms(questions.texts)

    def score(self, k1: float, b: float, titles: int) -> Scores:
        index = bm25s.BM25(k1=k1, b=b)
        index.index(self._answers, show_progress=False)
        asked = (title * titles + text for title, text in zip(self._titles, self._texts, strict=True))
        return np.stack([index.get_scores(words) for words in asked])


def _terms(texts: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = bm25s.tokenize(list(texts), stopwords="en", return_ids=False, show_progress=False)
    return found


def plain_meaning(questions: Questions, answers: Sequence[str], cache: Path) -> Scores:
    """The cosine of the encoder's vectors of whole texts."""
    vectors = encode_cached([*questions.requests(), *answers], OfflineTextEncoder(), cache)
    return vectors[: len(questions)] @ vectors[len(questions) :].T


def sentence_meaning(questions: Questions, answers: Sequence[str], cache: Path) -> Scores:
    """The cosine of the means of sentences' vectors, in which every direction varies alike among the answers.

    The encoder is made for sentences, and on one subject its vectors are nearly parallel. Whitening: Su et al., 2021.
    """
    asked = [[title, *_sentences(text)] for title, text in zip(questions.titles, questions.texts, strict=True)]
    of_text = [*asked, *map(_sentences, answers)]
    vectors = encode_cached([sentence for own in of_text for sentence in own], OfflineTextEncoder(), cache)
    starts = np.cumsum([0, *map(len, of_text[:-1])])
    first_answer = starts[len(questions)]
    of_answers = vectors[first_answer:] - vectors[first_answer:].mean(axis=0)
    _, spread, directions = np.linalg.svd(of_answers, full_matrices=False)
    scale = np.sqrt(spread**2 / len(of_answers) + RIDGE)
    for part in (slice(0, first_answer), slice(first_answer, None)):
        vectors[part] -= vectors[part].mean(axis=0)
    means = np.add.reduceat(vectors, starts, axis=0)
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    means = means @ directions.T / scale
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
    scores: Scores = means[: len(questions)] @ means[len(questions) :].T
    return scores


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in SENTENCE.split(text) if len(sentence) > SHORTEST_SENTENCE] or [text]


def acceptance(questions: Questions, fold: int) -> Scores:
    """The share of an author's answers that were accepted, of the questions outside `fold`; a question there counts for
    all but itself."""
    names = {name: i for i, name in enumerate(dict.fromkeys(questions.writers))}
    author = np.array([names[name] for name in questions.writers])
    rated = (questions.asked >= 0) & (questions.fold[questions.asked] != fold)
    accepted = np.zeros(len(author), dtype=bool)
    accepted[questions.targets[questions.fold != fold]] = True
    answers = np.tile(np.bincount(author[rated], minlength=len(names)).astype(np.float32), (len(questions), 1))
    taken = np.tile(np.bincount(author[accepted], minlength=len(names)).astype(np.float32), (len(questions), 1))
    np.subtract.at(answers, (questions.asked[rated], author[rated]), 1)
    np.subtract.at(taken, (questions.asked[accepted], author[accepted]), 1)
    shares = (taken + USUAL_ACCEPTED) / (answers + USUAL_ANSWERS)
    return shares[:, author]
