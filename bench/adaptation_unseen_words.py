"""Attribute words that no wish of the training names, each in one of three folds: genres, and Beauty's categories.

Beauty's catalogue names its categories in English; what a person calls them in Chinese, bench/categories.json says. It
is asked with, never trained on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adaptation_requests import PARAPHRASES
from adaptation_wanted import Tally, Wanted, said_with, words_of_catalogue
from adaptation_world import SEED, WORLD, backbone, recommender, workspace
from promptrec.backbone.request import choose_strength, fit_request_encoder
from promptrec.backbone.wishes import (
    AttributeWord,
    Wish,
    nothing_asked,
    training_wishes,
    word_wishes,
    wordings,
)
from promptrec.content.cache import encode_cached
from promptrec.training import training_examples

CATEGORIES = json.loads(Path("bench/categories.json").read_text(encoding="utf-8"))
FOLDS = 3


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    return {"unseen-words": unseen_words}


def unseen_words() -> dict[str, Any]:
    own = recommender()
    encoder, file = own.requests.text_encoder, workspace().dataset / "requests.safetensors"
    words, asked_for = words_of_catalogue(), hidden_in_turn()
    every = training_wishes(own.catalogue, own.dataset.manifest.get("labels", {}), SEED)
    nothing, keys, tally = encode_cached(nothing_asked(), encoder, file), backbone().encode_items(), Tally()
    examples = training_examples(own.split)
    for fold in range(FOLDS):
        hidden = asked_for[fold::FOLDS]
        wishes = not_naming(hidden, every)
        sentences = encode_cached([wish.text for wish in wishes], encoder, file)
        made = fit_request_encoder(backbone(), encoder, wishes, sentences, nothing, examples, SEED)
        checked = not_naming(hidden, word_wishes(words, "validation"))
        sentences = encode_cached([wish.text for wish in checked], encoder, file)
        made = choose_strength(made, checked, sentences, own.split.asked("validation").apart())
        for word in hidden:
            one = Wanted(word.word, word.carried, said_of(word))
            asked = one.asked()
            tally.without(one, asked, keys)
            tally.ask(one, asked, keys, made)
            tally.ask(one, asked, keys, own.requests, ", were it seen")
    return {"seed": SEED, "folds": FOLDS, "wanted": len(asked_for), "rows": tally.rows()}


def hidden_in_turn() -> list[AttributeWord]:
    words = words_of_catalogue()
    if WORLD.data != "beauty":
        return words
    named = [word for word in words if word.word in CATEGORIES]
    return [replace(word, names={**word.names, "zh": CATEGORIES[word.word]}) for word in named]


def not_naming(hidden: Sequence[AttributeWord], wishes: Sequence[Wish]) -> list[Wish]:
    names = [name.lower() for word in hidden for name in word.names.values()]
    return [wish for wish in wishes if not any(name in wish.text.lower() for name in names)]


def said_of(word: AttributeWord) -> dict[str, Sequence[str]]:
    ways = {"unseen word": wordings()["test"]}
    if word.word in PARAPHRASES:
        ways["paraphrase of an unseen word"] = PARAPHRASES[word.word]
    return said_with(ways, [word])
