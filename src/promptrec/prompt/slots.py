"""Slots in a prompt's or a request's words, filled from the query: `more like {history}`, `{interests} for tonight`."""

from __future__ import annotations

import re
from collections import Counter

from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History

SLOT = re.compile(r"\{(interests|attributes|history)\}")
MOST_INTERESTS = 3
LATEST = 3


def has_slots(words: str) -> bool:
    return SLOT.search(words) is not None


class Slots:
    """Fills slots over one catalogue."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        columns = [catalogue.words_of(name) for name in catalogue.word_attributes]
        self.words = [[word for column in columns for word in column[row]] for row in range(len(catalogue))]
        self.counts = Counter(word for words in self.words for word in words)

    def fill(self, words: str, history: History) -> str:
        """`words` with their slots filled; a slot that the history gives nothing for is left out.

        {interests}: up to three attribute words that stand out in the history against the catalogue; {attributes}: the
        attribute words of the latest item; {history}: the titles of the latest three items, the newest first.
        """
        latest = [int(row) for row in history.rows[::-1][:LATEST]]
        found = {
            "interests": self.interests(history),
            "attributes": self.words[latest[0]] if latest else [],
            "history": [self.catalogue.title(row) for row in latest],
        }
        filled = SLOT.sub(lambda slot: ", ".join(found[slot[1]]), words)
        return " ".join(filled.split())

    def interests(self, history: History) -> list[str]:
        """The attribute words that are in the history more often than in as many items drawn from the catalogue."""
        own = Counter(word for row in history.rows for word in self.words[row])
        share = len(history) / len(self.catalogue)
        beyond = {word: count - share * self.counts[word] for word, count in own.items()}
        return sorted((w for w in beyond if beyond[w] > 0), key=lambda word: (-beyond[word], word))[:MOST_INTERESTS]
