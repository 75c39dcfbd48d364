"""What the model reads: a request, a person's interests and the titles of their history, as one line of words."""

from __future__ import annotations

from functools import cached_property

from promptrec.backbone.language.model import Ids, LanguageModel
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.prompt.slots import Slots

QUERY_TOKENS = 128
TITLE_TOKENS = 32
LATEST = 8


class Template:
    """REQUEST. INTERESTS. TITLE; TITLE; ...: the latest title first, until 128 tokens are full.

    No words of its own, so that it is the same in every language; a long request leaves less room for the history.
    """

    def __init__(self, model: LanguageModel, catalogue: Catalogue) -> None:
        self.model = model
        self.catalogue = catalogue
        self.stop, self.comma = model.ids("."), model.ids(";")
        self._titles: dict[int, Ids] = {}

    @cached_property
    def slots(self) -> Slots:
        return Slots(self.catalogue)

    def render(self, history: History, words: Ids) -> Ids:
        """Tokens of words and history; none where there are neither.

        words: tokens of a prompt's words, before those that the history asks for.
        """
        said = [*words, *(self.model.ids(history.asked) if history.asked else [])]
        if len(said) < QUERY_TOKENS and len(history):
            interests = self.model.ids(", ".join(self.slots.interests(history)))
            for part in (said, interests):
                if part:
                    part += self.stop
            said += interests
            for row in history.rows[::-1][:LATEST]:
                said += [*self._title(int(row)), *self.comma]
        return [*self.model.query_prefix, *said[:QUERY_TOKENS]] if said else []

    def _title(self, row: int) -> Ids:
        if row not in self._titles:
            self._titles[row] = self.model.ids(self.catalogue.title(row), TITLE_TOKENS)
        return self._titles[row]
