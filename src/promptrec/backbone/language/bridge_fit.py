"""Fitting the bridge between two languages, on wishes for the attribute words that have a name in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.language.bridge import Bridge
from promptrec.backbone.language.template import LATEST
from promptrec.backbone.wishes import AttributeWord, attribute_words, wordings
from promptrec.data.history import EMPTY, History
from promptrec.data.languages import written_in_chinese
from promptrec.data.split import Split
from promptrec.seeding import generator

WISHES, MOST_HISTORIES, MOST_WORDS = 1_800, 11, 200  # in each language; before a word; words
WITHOUT_HISTORY = 0.2
LISTED = 10


def fit_bridge(
    backbone: LanguageBackbone, labels: Mapping[str, Mapping[str, str]], split: Split, seed: int
) -> Bridge | None:
    """From the language that most items are not written in, Chinese or English, to the other. labels: {language: {word:
    its name there}}. None where no attribute word has a name in both, or where the model does not know a character.

    Every word is wished for in every wording of training, before some histories. Whatever the foreign wording, it is to
    be read as the one of the items' language that is heard best.
    """
    foreign, own = foreign_and_own(backbone.catalogue.texts)
    words, forms = words_in_both(backbone, labels, seed), wordings()["train"]
    unknown = backbone.model.tokenizer.unk_token_id
    if not words or any(
        unknown in backbone.model.ids(form.format(name[foreign])) for form in forms[foreign] for _, name in words
    ):
        return None  # nothing to learn from, or a model that does not read the language
    each = max(1, min(MOST_HISTORIES, WISHES // (len(forms[own]) * len(words))))
    histories = histories_of(split, len(words) * each, seed)

    def read(language: str) -> Tensor:
        """(words, histories, wordings, w)"""
        rendered = [
            backbone.template.render(history, backbone.model.ids(form.format(names[language])))
            for i, (_, names) in enumerate(words)
            for history in histories[i * each : (i + 1) * each]
            for form in forms[language]
        ]
        with torch.no_grad():
            return backbone.model.read(rendered).view(len(words), each, len(forms[language]), -1)

    theirs, ours = read(foreign), read(own)
    best = int(heard(backbone, [word for word, _ in words], ours).argmax())
    meant = ours[:, :, best : best + 1].expand_as(theirs)
    return Bridge.fit(foreign == "zh", theirs.flatten(0, 2), meant.flatten(0, 2))


def foreign_and_own(texts: Sequence[str]) -> tuple[str, str]:
    """Of Chinese and English that which fewer of the items have, and the other; those without a text do not count."""
    there = [text for text in texts if text.strip()]
    return ("en", "zh") if 2 * sum(map(written_in_chinese, there)) > len(there) else ("zh", "en")


def words_in_both(
    backbone: LanguageBackbone, labels: Mapping[str, Mapping[str, str]], seed: int
) -> list[tuple[AttributeWord, dict[str, str]]]:
    """Up to 200 attribute words with their names in Chinese and in English."""
    named = [(word, {"zh": word.word, **word.names}) for word in attribute_words(backbone.catalogue, labels)]
    known = [one for one in named if written_in_chinese(one[1]["zh"]) and not written_in_chinese(one[1]["en"])]
    return [known[i] for i in np.sort(generator(seed, "bridge words").permutation(len(known))[:MOST_WORDS])]


def histories_of(split: Split, count: int, seed: int) -> list[History]:
    """What training people did last of what was trained on; a fifth of them empty."""
    rng, lengths = generator(seed, "bridge histories"), split.training_lengths()

    def drawn() -> History:
        if not len(lengths) or rng.random() < WITHOUT_HISTORY:
            return EMPTY
        person = int(rng.integers(len(lengths)))
        return split.histories.slice(int(split.training[person]), 0, int(lengths[person])).last(LATEST)

    return [drawn() for _ in range(count)]


def heard(backbone: LanguageBackbone, words: Sequence[AttributeWord], readings: Tensor) -> Tensor:
    """(wordings,) the share of the ten best items that carry the word; readings (words, histories, wordings, w)."""
    keys = backbone.encode_items()
    shares = []
    for word, own in zip(words, readings, strict=True):
        top = (backbone.projection(own) @ keys.T).topk(min(LISTED, len(keys))).indices
        carried = torch.from_numpy(word.carried).to(keys.device)
        shares.append(carried[top].float().mean(dim=(0, 2)))
    return torch.stack(shares).mean(dim=0)
