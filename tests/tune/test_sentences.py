from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from promptrec.content.encoder import Vectors
from promptrec.recommender import Recommender
from promptrec.tune.sentences import prompts_of

SENTENCES = ["war", "a comedy, but no war", 'something like "old films"', "不要战争片", "war"]


def test_sentences_together_are_what_each_is_alone(recommender: Recommender) -> None:
    together = prompts_of(recommender.requests, SENTENCES)
    for sentence, prompt in zip(SENTENCES, together, strict=True):
        alone = recommender.requests.prompt(sentence)
        assert prompt.words == sentence
        assert torch.allclose(prompt.tensors["shift"], alone.tensors["shift"], atol=1e-4)


def test_they_are_encoded_at_once(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    encode = recommender.requests.text_encoder.encode

    def counted(texts: Sequence[str]) -> Vectors:
        calls.append(len(texts))
        return encode(texts)

    monkeypatch.setattr(recommender.requests.text_encoder, "encode", counted)
    prompts_of(recommender.requests, ["war", "comedy", "romance"])
    assert calls == [3]
