"""Sentences that a search may try: from the catalogue's attributes and phrases, and from rewritings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import httpx
import numpy as np

from promptrec.backbone.wishes import attribute_words, wordings
from promptrec.data.catalogue import Catalogue
from promptrec.errors import PromptrecError

WORD = re.compile(r"[^\W\d_][\w'-]+", re.UNICODE)
MOST_PHRASES = 60
FEWEST_ITEMS = 5
MOST_ANSWERS = 20
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def vocabulary(catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]], language: str) -> list[str]:
    """Words and phrases that a sentence may gain: the attribute words, decades, and the words and pairs of words that
    occur in the texts of most items without being in most of them, of the sentence's own language.
    """
    attributes = [word.names.get(language, word.word) for word in attribute_words(catalogue, labels)]
    counts: Counter[str] = Counter()
    for text in catalogue.texts:
        words = [word.lower() for word in WORD.findall(text)]
        counts.update({*words, *(f"{a} {b}" for a, b in pairwise(words))})
    most = max(FEWEST_ITEMS, len(catalogue) // 3)
    known = {word.lower() for word in attributes}
    phrases = [
        phrase
        for phrase, n in counts.most_common()
        if FEWEST_ITEMS <= n <= most and phrase not in known and language_of(phrase) == language
    ]
    found = np.unique(catalogue.decades[~np.isnan(catalogue.decades)])
    decades = [wordings()["decade"][language].format(int(decade)) for decade in found]
    return [*attributes, *decades, *phrases[:MOST_PHRASES]]


def language_of(text: str) -> str:
    return "zh" if CHINESE.search(text) else "en"


def parts_of(sentence: str) -> list[str]:
    """The words of a sentence; Chinese is cut at its punctuation and spaces."""
    return [part for part in re.split(r"[\s,，。;；、]+", sentence) if part]


def neighbours(sentence: str, words: Iterable[str]) -> list[str]:
    """The sentences that differ from one by a word left out, put in place of another, added at its end or hinted at."""
    own = parts_of(sentence)
    joined = "，" if language_of(sentence) == "zh" else " "
    shorter = [joined.join(own[:i] + own[i + 1 :]) for i in range(len(own)) if len(own) > 1]
    hint = "，略带" if language_of(sentence) == "zh" else ", a touch of "
    longer = [
        f"{sentence}{between}{word}"
        for word in words
        for between in (joined, hint)
        if word.lower() not in sentence.lower()
    ]
    other = [
        joined.join([*own[:i], word, *own[i + 1 :]])
        for word in words
        for i in range(len(own))
        if word.lower() not in sentence.lower()
    ]
    return [*shorter, *longer, *other]


def rewordings(sentence: str) -> list[str]:
    """The sentence in each wording of a request that was trained on and whose words it does not have yet."""
    forms: list[str] = wordings()["train"][language_of(sentence)]
    return [form.format(sentence) for form in forms if form != "{}" and form.partition("{}")[0].strip() not in sentence]


class Rewriter:
    """A language model behind an OpenAI-compatible endpoint, `URL/chat/completions`, that proposes other wordings."""

    def __init__(self, url: str, key: str | None = None, model: str = "default") -> None:
        self.url, self.model = url.rstrip("/"), model
        self.headers = {"Authorization": f"Bearer {key}"} if key else {}

    def propose(self, sentence: str, task: str, protect: Sequence[str]) -> list[str]:
        """Up to 20 sentences, one a line of the answer. Raises PromptrecError where the endpoint does not answer so."""
        kept = f" Keep these phrases as they are: {'; '.join(protect)}." if protect else ""
        asked = (
            f"Rewrite this request to a recommender in {MOST_ANSWERS // 2} different ways, one a line, nothing else. "
            f"It should bring the items that people choose where {task}.{kept}\n\n{sentence}"
        )
        body = {"model": self.model, "messages": [{"role": "user", "content": asked}]}
        try:
            answer = httpx.post(f"{self.url}/chat/completions", json=body, headers=self.headers, timeout=60)
            answer.raise_for_status()
            text = answer.json()["choices"][0]["message"]["content"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, IndexError, TypeError) as error:
            raise PromptrecError(
                f"--rewriter {self.url}: no answer as of an OpenAI-compatible endpoint "
                f"({type(error).__name__}: {error}); check the address, or leave it out"
            ) from None
        lines = [re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line).strip().strip('"“”') for line in str(text).splitlines()]
        return [line for line in lines if line][:MOST_ANSWERS]
