"""The lexical part: how well items fit a request word by word, beside what it means.

BM25 (Robertson and Zaragoza 2009, in Lucene's variant) over the catalogue's texts. Words of two letters or more are
taken in lower case without an English plural, Chinese (and Japanese and Korean) as pairs of neighbouring characters,
which needs no dictionary.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from bm25s import BM25
from bm25s.stopwords import STOPWORDS_EN

from promptrec.errors import PromptrecError

Scores = npt.NDArray[np.float32]

RUNS = re.compile(
    r"(?P<wide>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+)"
    r"|(?P<word>(?:(?![\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af])\w)+)"
)
STOPWORDS = frozenset(STOPWORDS_EN)


@dataclass(frozen=True)
class Token:
    """What is counted, and the words of the text that it stands for, as they were written."""

    term: str
    words: str


class Lexical:
    """BM25 over one text an item; share: the weight of words against meaning in a blend, 0 to 1."""

    def __init__(self, texts: Sequence[str], share: float) -> None:
        self.share = checked_share(share)
        terms = [[token.term for token in tokens(text)] for text in texts]
        self._items = len(texts)
        self._index = BM25() if any(terms) else None
        if self._index is not None:
            self._index.index(terms, show_progress=False)

    def score(self, text: str) -> Scores:
        """(n,) BM25 of each item for `text`, 0 where no word is in both."""
        return self._scores([token.term for token in tokens(text)])

    def _scores(self, terms: list[str]) -> Scores:
        if self._index is not None:
            ids = self._index.get_tokens_ids(terms)
            if ids:
                scores: Scores = self._index.get_scores_from_ids(ids)
                return scores
        return np.zeros(self._items, dtype=np.float32)

    def blend(self, meaning: Scores, text: str) -> Scores:
        """(n,) scores of a request by meaning and by words:

            (1 - share) * z(meaning) + share * z(words)

        where z takes the mean over the catalogue away and divides by the standard deviation, so that neither part is
        the louder for its unit. Where no word matches, or all items match alike, z(words) is 0 and meaning decides.
        """
        return (1 - self.share) * standardised(meaning) + self.share * standardised(self.score(text))

    def part(self, words: str, text: str) -> Scores:
        """(n,) what `words`, a part of the request `text`, add to the blend."""
        spread = float(self.score(text).std())
        return self.share * self.score(words) / spread if spread > 0 else np.zeros(self._items, dtype=np.float32)

    def matches(self, text: str, row: int, most: int = 3) -> tuple[str, ...]:
        """The words of `text` that the item at `row` is found by, as written, those that count most first."""
        counted = {token: float(self._scores([token.term])[row]) for token in dict.fromkeys(tokens(text))}
        found = sorted((token for token, score in counted.items() if score > 0), key=lambda token: -counted[token])
        return tuple(dict.fromkeys(token.words for token in found))[:most]


def checked_share(share: float) -> float:
    """The share itself. Raises PromptrecError outside 0 to 1."""
    if not 0 <= share <= 1:
        raise PromptrecError(f"lexical: expected a share of words against meaning from 0 to 1, found {share:g}")
    return share


def standardised(scores: Scores) -> Scores:
    """Scores with mean 0 and standard deviation 1; zeros where all are equal."""
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread > 0 else np.zeros_like(scores)


def tokens(text: str) -> Iterator[Token]:
    """What is counted of a text, in order."""
    for run in RUNS.finditer(unicodedata.normalize("NFKC", text)):
        words = run.group()
        if run.lastgroup == "word":
            lowered = words.lower()
            if len(words) > 1 and lowered not in STOPWORDS:
                yield Token(stem(lowered), words)
        elif len(words) == 1:
            yield Token(words, words)
        else:
            yield from (Token(words[i : i + 2], words[i : i + 2]) for i in range(len(words) - 1))


def stem(word: str) -> str:
    """What an English word shares with its plural: the S stemmer of Harman (How effective is suffixing?, 1991), and a y
    for the ie of movie, whose plural ends as that of comedy.
    """
    if not word.isascii() or len(word) < 4:
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es") and word[-3] not in "aeo":
        return word[:-1]
    if word.endswith("s"):
        return word if word[-2] in "us" else word[:-1]
    return word[:-2] + "y" if word.endswith("ie") else word
