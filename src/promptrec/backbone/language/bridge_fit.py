"""Fitting the bridge between two languages, on wishes for the attribute words that have a name in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.language.bridge import Bridge
from promptrec.backbone.language.template import LATEST
from promptrec.backbone.wishes import AttributeWord, attribute_words, wordings
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import EMPTY, History
from promptrec.data.languages import mostly_chinese, written_in_chinese
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
    model, catalogue, forms = backbone.model, backbone.catalogue, wordings()["train"]
    foreign, own = foreign_and_own(catalogue.texts)
    words = words_in_both(catalogue, labels, seed)
    said = {
        language: [[model.ids(form.format(word.names[language])) for form in forms[language]] for word in words]
        for language in (foreign, own)
    }
    if not words or any(model.tokenizer.unk_token_id in ids for wishes in said[foreign] for ids in wishes):
        return None  # nothing to learn from, or a model that does not read the language
    each = max(1, min(MOST_HISTORIES, WISHES // (len(forms[own]) * len(words))))
    histories = histories_of(split, len(words) * each, seed)

    def read(language: str) -> Tensor:
        """(words, histories, wordings, w)"""
        rendered = [
            backbone.template.render(history, ids)
            for i, wishes in enumerate(said[language])
            for history in histories[i * each : (i + 1) * each]
            for ids in wishes
        ]
        with torch.no_grad():
            return model.read(rendered).view(len(words), each, len(forms[language]), -1)

    theirs, ours = read(foreign), read(own)
    best = int(heard(backbone, words, ours).argmax())
    meant = ours[:, :, best : best + 1].expand_as(theirs)
    return Bridge.fit(foreign == "zh", theirs.flatten(0, 2), meant.flatten(0, 2))


def foreign_and_own(texts: Sequence[str]) -> tuple[str, str]:
    """Of Chinese and English that which fewer of the items have, and the other; those without a text do not count."""
    return ("en", "zh") if mostly_chinese(texts) else ("zh", "en")


def words_in_both(catalogue: Catalogue, labels: Mapping[str, Mapping[str, str]], seed: int) -> list[AttributeWord]:
    """Up to 200 attribute words that have a name in Chinese and one in English."""
    named = [replace(word, names={"zh": word.word, **word.names}) for word in attribute_words(catalogue, labels)]
    known = [w for w in named if written_in_chinese(w.names["zh"]) and not written_in_chinese(w.names["en"])]
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
