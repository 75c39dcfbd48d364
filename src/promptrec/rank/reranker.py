"""A second look at the first of a list: a decoder is asked of each item whether the person will like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from promptrec.backbone.language.decoder import Decoder
from promptrec.backbone.language.model import Ids
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.index.contract import Found
from promptrec.models.finding import find
from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.rank.lexical import standardised

RERANKED = 50
PROMPT_TOKENS = 8
WORDS = "Will they like it? Yes or no"  # eight tokens of SmolLM2: where the vectors begin
LATEST = 8
TITLE_TOKENS = 24
REQUEST_TOKENS = 48

Floats = npt.NDArray[np.float32]


class Reranker(Protocol):
    """Whatever orders candidates anew."""

    def rerank(self, query: Query, candidates: Found) -> Found:
        """The same rows in their new order, each with the score that it came with."""
        ...


class Questions:
    """What the decoder reads, one beginning a person and one ending an item:

    VECTORS
    Asked for: REQUEST
    Liked: TITLE; TITLE
    Next: TITLE
    Answer:

    The latest eight titles, as time goes; a line without content is left out.
    """

    def __init__(self, decoder: Decoder, catalogue: Catalogue) -> None:
        self.decoder = decoder
        self.catalogue = catalogue
        self._asked, self._liked, self._next = (decoder.ids(f"\n{word}:") for word in ("Asked for", "Liked", "Next"))
        self._answer, self._comma = decoder.ids("\nAnswer:"), decoder.ids(";")
        self._titles: dict[int, Ids] = {}

    def beginning(self, history: History, request: str | None) -> Ids:
        """The tokens that the questions about all items share."""
        ids: Ids = []
        if request:
            ids += self._asked + self.decoder.ids(f" {request}", REQUEST_TOKENS)
        rows = history.rows[-LATEST:].tolist()
        if rows:
            ids += self._liked + self._title(rows[0])
            for row in rows[1:]:
                ids += self._comma + self._title(row)
        return ids + self._next

    def ending(self, row: int) -> Ids:
        """The tokens that ask about one item."""
        return self._title(row) + self._answer

    def _title(self, row: int) -> Ids:
        if row not in self._titles:
            self._titles[row] = self.decoder.ids(f" {self.catalogue.title(row)}", TITLE_TOKENS)
        return self._titles[row]


class DecoderReranker:
    """Orders the first 50 by (1 - share) * z(score) + share * z(answer), z over these candidates; what comes after them
    stays where it is.

    vectors: (t, width) at the decoder's input, before all words; share: of the decoder, 0 to 1.
    """

    def __init__(self, decoder: Decoder, catalogue: Catalogue, vectors: Tensor, share: float) -> None:
        self.decoder = decoder
        self.questions = Questions(decoder, catalogue)
        self.vectors = vectors
        self.share = share

    @classmethod
    def of(cls, prompt: Prompt, catalogue: Catalogue, backbone: str) -> DecoderReranker:
        """What `tune_reranker` saved. backbone: the fingerprint of the one whose lists it orders.

        Raises PromptrecError for a prompt of another kind, another decoder or another backbone.
        """
        if prompt.kind != "reranker":
            raise PromptrecError(
                f"rerank: prompt {prompt.name!r} is a {prompt.kind} prompt; make one with "
                f"`promptrec tune NAME --scenario SQL --reranker smollm2-135m`"
            )
        if prompt.backbone != backbone:
            raise PromptrecError(
                f"rerank: prompt {prompt.name!r} orders the lists of backbone {prompt.backbone[:12]}, this "
                f"one is {backbone[:12]}; run `promptrec prompts rebuild {prompt.name}`"
            )
        model = str(prompt.recipe["reranker"])
        decoder = Decoder(find(model))
        if prompt.card["decoder"] != decoder.fingerprint:
            raise PromptrecError(
                f"rerank: prompt {prompt.name!r} was tuned for decoder {prompt.card['decoder'][:12]}, {model} is "
                f"{decoder.fingerprint[:12]}; restore that model or tune the prompt again"
            )
        return cls(decoder, catalogue, prompt.tensors["input"], prompt.card["share"])

    def rerank(self, query: Query, candidates: Found) -> Found:
        rows, scores = candidates
        first = min(RERANKED, len(rows))
        if not first or not self.share:
            return rows, scores
        answers = self.answers(query, rows[:first].tolist())
        order = np.argsort(-blended(scores[:first], answers, self.share), kind="stable")
        order = np.concatenate([order, np.arange(first, len(rows))])
        return rows[order], scores[order]

    def answers(self, query: Query, rows: Sequence[int]) -> Floats:
        """(n,) log p(" yes") - log p(" no") of the items at `rows`; the higher, the more the person will like them."""
        with torch.inference_mode():
            found: Floats = self.logits(query, rows, self.vectors).float().cpu().numpy()
        return found

    def logits(self, query: Query, rows: Sequence[int], vectors: Tensor) -> Tensor:
        """(n,) the same, of other vectors and differentiable in them."""
        beginning = self.decoder.begin(vectors, self.questions.beginning(query.history, query.request))
        return self.decoder.answers(beginning, [self.questions.ending(row) for row in rows])


def blended(scores: Floats, answers: Floats, share: float) -> Floats:
    """(n,) the standardised scores of the first stage and of the decoder, the latter with its share."""
    return (1 - share) * standardised(scores) + share * standardised(answers)


def starting_vectors(decoder: Decoder, words: str = WORDS) -> Tensor:
    """(8, width) the input vectors of words, again from the first where they end, as PEFT's TEXT has it.

    Raises PromptrecError for a text without words.
    """
    ids = decoder.ids(words)
    if not ids:
        raise PromptrecError("text: it has no words to begin at")
    return decoder.vectors_of((ids * PROMPT_TOKENS)[:PROMPT_TOKENS])
