"""Sentences that a search may try: from the catalogue's attributes and phrases, and from rewritings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import httpx
import numpy as np
import rjieba

from promptrec.backbone.qualities import SPOKEN
from promptrec.backbone.wishes import attribute_words, wordings
from promptrec.data.catalogue import Catalogue
from promptrec.data.languages import mostly_chinese, written_in_chinese
from promptrec.errors import PromptrecError
from promptrec.rank.lexical import STOPWORDS

WORD = re.compile(r"[^\W\d_][\w'-]+", re.UNICODE)
MOST_PHRASES = 60
FEWEST_ITEMS = 5
MOST_ANSWERS = 20
MOST_SHADES = 4
JOINING = frozenset(("and", "or", "but", "of", "with"))
NAMING = ("n", "l", "j")  # tags of Chinese words that name something: nouns, set phrases, abbreviations
JOINED = {"en": " ", "zh": "和"}
PARTED = {"en": re.compile(r"\s+"), "zh": re.compile(r"(?<=\S\S)和(?=\S\S)")}
ADDED = {
    "en": {"attribute": "{} and {}", "decade": "{} {}", "phrase": "{} about {}"},
    "zh": {"attribute": "{}和{}", "decade": "{1}{0}", "phrase": "{}和{}"},
}
SHADES = {
    "en": {
        "attribute": ("a touch of {}", "a slight touch of {}", "not too much {}"),
        "decade": ("preferably {}", "preferably not {}"),
    },
    "zh": {
        "attribute": ("略带{}", "带一丝{}", "少一点{}"),
        "decade": ("最好是{}", "最好不要{}"),
    },
}


@dataclass(frozen=True)
class Vocabulary:
    """What a sentence of one language may gain. attributes: the attribute words; decades: as in "from the 1990s";
    phrases: words and pairs of words from the items' texts; qualities: by name, how each is said."""

    language: str
    attributes: tuple[str, ...]
    decades: tuple[str, ...]
    phrases: tuple[str, ...]
    qualities: Mapping[str, tuple[str, ...]]

    @property
    def words(self) -> list[str]:
        return [*self.attributes, *self.decades, *self.phrases]


def vocabulary(
    catalogue: Catalogue,
    labels: Mapping[str, Mapping[str, str]],
    sentence: str | None,
    qualities: Collection[str] = (),
) -> Vocabulary:
    """The attribute words, decades, and the words and pairs of words that occur in the texts of most items without
    being in most of them, in the language of a sentence, of the items' texts where there is none; and those of the
    qualities that requests know.
    """
    language = language_of(sentence) if sentence else ("zh" if mostly_chinese(catalogue.texts) else "en")
    attributes = [word.names.get(language, word.word) for word in attribute_words(catalogue, labels)]
    counts: Counter[str] = Counter()
    between = "" if language == "zh" else " "
    for text in catalogue.texts:
        words = naming_words(text, language)
        pairs = (between.join(pair) for pair in pairwise(words) if all(pair))
        counts.update([*dict.fromkeys((*filter(None, words), *pairs))])  # in their order, which decides ties
    most = max(FEWEST_ITEMS, len(catalogue) // 3)
    known = {word.lower() for word in attributes}
    phrases = [phrase for phrase, n in counts.most_common() if FEWEST_ITEMS <= n <= most and phrase not in known]
    found = np.unique(catalogue.decades[~np.isnan(catalogue.decades)])
    decades = [wordings()["decade"][language].format(int(decade)) for decade in found]
    said = {name: forms[language] for name, forms in SPOKEN.items() if name in qualities}
    return Vocabulary(language, tuple(attributes), tuple(decades), tuple(phrases[:MOST_PHRASES]), said)


def naming_words(text: str, language: str) -> list[str]:
    """The words of a text in their order, in lower case, "" for those that name nothing or are of another language."""
    if language == "zh":
        tagged = [(word.lower(), tag.startswith(NAMING)) for word, tag in rjieba.tag(text)]
    else:
        tagged = [(word, word not in STOPWORDS) for word in map(str.lower, WORD.findall(text))]
    return [word if names and len(word) > 1 and language_of(word) == language else "" for word, names in tagged]


def language_of(text: str) -> str:
    return "zh" if written_in_chinese(text) else "en"


def clauses(sentence: str) -> list[str]:
    """The parts of a sentence between commas: first what is wanted, then what is said beside it."""
    return [part for part in re.split(r"\s*[,，、;；。]\s*", sentence) if part] or [sentence]


def joined(parts: Sequence[str], language: str) -> str:
    return ("，" if language == "zh" else ", ").join(parts)


def shorter(sentence: str, language: str) -> list[str]:
    """The sentence without one of its clauses, or without one word of the first."""
    head, *tail = clauses(sentence)
    words = PARTED[language].split(head)
    fewer = [joined([head, *tail[:i], *tail[i + 1 :]], language) for i in range(len(tail))]
    heads = [trimmed(words[:i] + words[i + 1 :], language) for i in range(len(words))]
    return [*fewer, *(joined([own, *tail], language) for own in heads if own)]


def reworded(sentence: str, known: Vocabulary) -> list[str]:
    """The sentences whose first clause, what is wanted, has a word more, or an attribute's in place of one."""
    head, *tail = clauses(sentence)
    joiner = JOINED[known.language]
    words, heads = PARTED[known.language].split(head), []
    for kind, added in ((known.attributes, "attribute"), (known.decades, "decade"), (known.phrases, "phrase")):
        for word in kind:
            if word.lower() not in sentence.lower():
                heads.append(ADDED[known.language][added].format(head, word))
                if kind is not known.phrases:
                    heads += [joiner.join([*words[:i], word, *words[i + 1 :]]) for i in range(len(words))]
    return [joined([own, *tail], known.language) for own in heads]


def trimmed(words: Sequence[str], language: str) -> str:
    """The words without those at their ends that only join others."""
    own = list(words)
    while own and own[-1].lower() in STOPWORDS:
        own.pop()
    while own and own[0].lower() in JOINING:
        own.pop(0)
    return JOINED[language].join(own)


def hinted(sentence: str, known: Vocabulary) -> list[str]:
    """The sentences with a hint more, a slight one or half a refusal, or with another in place of one of the same."""
    kinds = (("attribute", known.attributes), ("decade", known.decades))
    forms = SHADES[known.language]
    return shaded(
        sentence, known, [(w, form.format(w)) for kind, words in kinds for w in words for form in forms[kind]]
    )


def qualified(sentence: str, known: Vocabulary) -> list[str]:
    """The same with a quality more, or to another degree."""
    return shaded(sentence, known, [(name, said) for name, forms in known.qualities.items() for said in forms])


def shaded(sentence: str, known: Vocabulary, shades: Sequence[tuple[str, str]]) -> list[str]:
    """shades: what each is about, and what it says."""
    parts = clauses(sentence)
    about = {said: what for what, said in shades}
    found = []
    for what, said in shades:
        place = next((i for i, part in enumerate(parts) if i and about.get(part) == what), None)
        if place is not None:
            found.append(joined([*parts[:place], said, *parts[place + 1 :]], known.language))
        elif what.lower() not in parts[0].lower() and len(parts) <= MOST_SHADES:
            found.append(joined([*parts, said], known.language))
    return [other for other in found if other != sentence]


def rewordings(sentence: str) -> list[str]:
    """The first clause, what is wanted, in each wording of a request that was trained on and whose words the sentence
    does not have yet."""
    language = language_of(sentence)
    head, *tail = clauses(sentence)
    forms: list[str] = wordings()["train"][language]
    return [
        joined([form.format(head), *tail], language)
        for form in forms
        if form != "{}" and form.partition("{}")[0].strip() not in sentence
    ]


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
