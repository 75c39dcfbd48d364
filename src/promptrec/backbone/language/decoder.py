"""A frozen decoder that is asked yes or no: the beginning that many questions share is read once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from promptrec.backbone.language.model import Ids, frozen, weights_hash
from promptrec.errors import PromptrecError

YES, NO = " yes", " no"
ENDINGS_AT_ONCE = 16  # of about one length; more of them take more memory and no less time on a core


@dataclass(frozen=True)
class Beginning:
    """What was read: keys and values (1, heads, t, head width) of each layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]


class Decoder:
    """A Hugging Face model of the kind that continues a text.

    Its answer to a text is log p(" yes") - log p(" no") of the next token (the verbalizer of Schick and Schuetze,
    Exploiting cloze questions, 2021). Both words are written small and with the space before them, since that is how a
    word goes on in a line, and each must be one token. The sum over the vocabulary is the same in both
    likelihoods, so that the difference of two logits is all there is to compute.
    """

    def __init__(self, folder: Path) -> None:
        """Raises PromptrecError where transformers is missing or cannot load the folder, or it holds no decoder."""
        self.tokenizer, network = frozen(folder, "AutoModelForCausalLM")
        names = network.config.architectures or [type(network).__name__]  # a config out of a GGUF file names none
        if not any(str(name).endswith("ForCausalLM") for name in names):
            found = ", ".join(names)
            raise PromptrecError(f"{folder}: expected a decoder (...ForCausalLM), found {found}; take smollm2-135m")
        self.network: Any = network.base_model
        self.words: Any = network.get_input_embeddings()
        self.width = int(self.words.weight.shape[1])
        rows = network.get_output_embeddings().weight
        self.towards_yes = (rows[self._token(YES)] - rows[self._token(NO)]).detach()
        self.fingerprint = hashlib.sha256(f"{weights_hash(folder)}\0{YES}\0{NO}".encode()).hexdigest()

    def _token(self, word: str) -> int:
        ids = self.ids(word)
        if len(ids) != 1:
            raise PromptrecError(f"{word!r} is {len(ids)} tokens of this decoder, expected one; take smollm2-135m")
        return ids[0]

    @cached_property
    def _cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache

    def ids(self, text: str, most: int | None = None) -> Ids:
        """The first `most` tokens of a text, without any that the tokenizer adds."""
        found: Ids = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        return found[:most]

    def vectors_of(self, ids: Sequence[int]) -> Tensor:
        """(t, width) the input vectors of tokens."""
        found: Tensor = self.words(torch.tensor(list(ids), dtype=torch.long, device=self.words.weight.device))
        return found.detach()

    def begin(self, vectors: Tensor, ids: Ids) -> Beginning:
        """Read input vectors (t, width) and tokens after them. Differentiable in the vectors."""
        inputs = torch.cat([vectors.to(self.words.weight.device), self.vectors_of(ids)])[None]
        read = self.network(inputs_embeds=inputs, use_cache=True).cache
        return Beginning(tuple((layer.keys, layer.values) for layer in read.layers))

    def answers(self, beginning: Beginning, endings: Sequence[Ids]) -> Tensor:
        """(n,) log p(" yes") - log p(" no") after the beginning and each ending, of at least one token.

        Endings of about one length are read together. What pads them stands after their last token, where nothing
        that is read from sees it.
        """
        order = sorted(range(len(endings)), key=lambda i: len(endings[i]))
        groups = [order[i : i + ENDINGS_AT_ONCE] for i in range(0, len(order), ENDINGS_AT_ONCE)]
        found = torch.cat([self._answers(beginning, [endings[i] for i in group]) for group in groups])
        return found[torch.tensor(order, device=found.device).argsort()]

    def _answers(self, beginning: Beginning, endings: list[Ids]) -> Tensor:
        where = self.words.weight.device
        last = torch.tensor([len(ids) - 1 for ids in endings], device=where)
        longest = int(last.max()) + 1
        ids = torch.tensor([own + [0] * (longest - len(own)) for own in endings], dtype=torch.long, device=where)
        shared = [
            (keys.expand(len(endings), -1, -1, -1), values.expand(len(endings), -1, -1, -1))
            for keys, values in beginning.layers
        ]
        hidden = self.network(input_ids=ids, cache=self._cache(shared), use_cache=True).last_hidden_state
        answers: Tensor = hidden[torch.arange(len(endings), device=where), last] @ self.towards_yes
        return answers
