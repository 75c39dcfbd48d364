"""Requests in another language than the items': their readings, moved to where the items' language would put them.

What a model of many languages reads still lies first by language, then by meaning: Chinese words before English titles
find less than the same words in English. What is missing is fitted as a linear map on wishes for the attribute words
that have a name in both languages, read before histories and without any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from promptrec.backbone.language.model import Ids, LanguageModel
from promptrec.backbone.language.template import LATEST, Template
from promptrec.backbone.wishes import attribute_words, wordings
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import EMPTY, History
from promptrec.data.languages import written_in_chinese
from promptrec.data.split import Split
from promptrec.seeding import generator

PAIRS, MOST_OF_A_WORD, MOST_WORDS = 1_800, 99, 200
WITHOUT_HISTORY = 0.2
TENSORS = ("centre", "moved", "directions")
# Chosen on validation people of MovieLens-100K: a map that is drawn towards none falls short of where it leads.
RIDGE, REACH = 0.03, 1.25


class Pair(NamedTuple):
    """One wish in two languages, before one history."""

    history: History
    foreign: str
    own: str


@dataclass(frozen=True)
class Bridge:
    """chinese: whether it is requests in Chinese that are carried over, or those without a Chinese character.

    centre, moved (w,) and directions (w, w): x + moved + (x - centre) @ directions.
    """

    chinese: bool
    centre: Tensor
    moved: Tensor
    directions: Tensor

    @classmethod
    def fit(cls, chinese: bool, foreign: Tensor, own: Tensor) -> Bridge:
        """foreign, own: (n, w) readings of the same wishes in both languages. Ridge regression of what differs."""
        centre, away = foreign.mean(dim=0), own - foreign
        moved, x = away.mean(dim=0), foreign - centre
        gram = x.T @ x + RIDGE * torch.eye(x.shape[1], device=x.device)
        return cls(chinese, centre, REACH * moved, REACH * torch.linalg.solve(gram, x.T @ (away - moved)))

    def __call__(self, readings: Tensor) -> Tensor:
        return readings + self.moved + (readings - self.centre) @ self.directions

    def carries(self, request: str) -> bool:
        return bool(request.strip()) and written_in_chinese(request) == self.chinese

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(str(self.chinese).encode())
        for tensor in self.tensors().values():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps beside the name that `config` gives."""
        return {f"bridge.{name}": getattr(self, name) for name in TENSORS}

    def config(self) -> dict[str, str]:
        return {"bridge": "chinese" if self.chinese else "english"}

    @classmethod
    def of(cls, saved: Mapping[str, Tensor], config: Mapping[str, Any]) -> Bridge | None:
        """What `tensors` and `config` gave; None where there was no bridge. Raises KeyError where one is missing."""
        if "bridge" not in config:
            return None
        parts = {name: saved[f"bridge.{name}"] for name in TENSORS}
        return cls(config["bridge"] == "chinese", **parts)


def fit_bridge(
    model: LanguageModel, catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]], split: Split, seed: int
) -> Bridge | None:
    """From the language that most items are not written in, Chinese or English, to the other. labels: {language: {word:
    its name there}}. None where no attribute word has a name in both."""
    chinese = 2 * sum(map(written_in_chinese, catalogue.texts)) < len(catalogue)
    pairs = wishes_in_both(catalogue, labels, split, seed, *(("zh", "en") if chinese else ("en", "zh")))
    if not pairs or any(model.tokenizer.unk_token_id in model.ids(pair.foreign) for pair in pairs):
        return None  # nothing to learn from, or a model that does not read the language
    template = Template(model, catalogue)

    def read(wishes: Sequence[str]) -> Tensor:
        texts: list[Ids] = [
            template.render(pair.history, model.ids(wish)) for pair, wish in zip(pairs, wishes, strict=True)
        ]
        with torch.no_grad():
            return model.read(texts)

    return Bridge.fit(chinese, read([pair.foreign for pair in pairs]), read([pair.own for pair in pairs]))


def wishes_in_both(
    catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]], split: Split, seed: int, foreign: str, own: str
) -> list[Pair]:
    """Up to 1,800, and of a word up to 99, in the wordings of training, paired as they are listed; before what training
    people did last of what was trained on."""
    names = [{"zh": word.word, **word.names} for word in attribute_words(catalogue, labels)]
    names = [name for name in names if written_in_chinese(name["zh"]) and not written_in_chinese(name["en"])]
    rng, forms = generator(seed, "bridge"), wordings()["train"]
    names = [names[i] for i in np.sort(rng.permutation(len(names))[:MOST_WORDS])]
    lengths = split.training_lengths()

    def history() -> History:
        if not len(lengths) or rng.random() < WITHOUT_HISTORY:
            return EMPTY
        drawn = int(rng.integers(len(lengths)))
        return split.histories.slice(int(split.training[drawn]), 0, int(lengths[drawn])).last(LATEST)

    return [
        Pair(history(), forms[foreign][form].format(name[foreign]), forms[own][form].format(name[own]))
        for name in names
        for form in (i % len(forms[own]) for i in range(min(MOST_OF_A_WORD, PAIRS // len(names))))
    ]
