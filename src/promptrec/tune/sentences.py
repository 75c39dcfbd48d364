"""Many sentences to prompts: encoded together they cost a tenth of what they cost one by one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from promptrec.backbone.request import RequestEncoder
from promptrec.content.encoder import TextEncoder, Vectors
from promptrec.prompt.prompt import Prompt


def prompts_of(requests: RequestEncoder, sentences: Sequence[str]) -> list[Prompt]:
    """The text prompt of each sentence."""
    return SentenceReader(requests).prompts(sentences)


class SentenceReader:
    """A request encoder that encodes the parts of many sentences together, and each part once."""

    def __init__(self, requests: RequestEncoder) -> None:
        self.known = _Known(requests.text_encoder)
        self.requests = copy(requests)
        self.requests.text_encoder = self.known

    def prompts(self, sentences: Sequence[str]) -> list[Prompt]:
        self.known.learn([text for sentence in sentences for text in self.requests.texts(sentence.strip())])
        return [self.requests.prompt(sentence) for sentence in sentences]


class _Known:
    """A text encoder that remembers."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder, self.name, self.width = encoder, encoder.name, encoder.width
        self.known: dict[str, Vectors] = {}

    def learn(self, texts: Sequence[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            self.known.update(zip(new, self.encoder.encode(new), strict=True))

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.learn(texts)
        return np.stack([self.known[text] for text in texts])
