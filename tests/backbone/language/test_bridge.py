"""Requests in another language than the items', with the real weights of a model of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from contracts.language import read_by
from contracts.world import query, rows_of
from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.backbone.language.bridge import Bridge
from promptrec.backbone.language.bridge_fit import foreign_and_own, heard, histories_of, words_in_both
from promptrec.data.catalogue import Catalogue
from promptrec.recommender import Recommender

ASKED = {  # in no wording that is learnt from
    "War": ("我今晚想看一部战争电影", "I would like to watch a war film tonight"),
    "Romance": ("我今晚想看一部爱情电影", "I would like to watch a romance film tonight"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("languages")


@pytest.fixture(scope="module")
def bridged(root: Path) -> Recommender:
    return read_by("multilingual-e5-small", root / "bridged")


@pytest.fixture(scope="module")
def without(root: Path) -> Recommender:
    return read_by("multilingual-e5-small", root / "without", labels=False)


def ahead(recommender: Recommender, request: str, kind: str) -> float:
    """The mean place, 0 the first and 1 the last, of the kind's films for somebody who saw comedies."""
    prompt = recommender.requests.prompt(request)
    scores = recommender.backbone.score([query(recommender.catalogue, "C0", "C1", "C2", prompt=prompt)])[0]
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.linspace(0, 1, len(scores))
    return float(places[rows_of(recommender.catalogue, kind)].mean())


def test_a_chinese_request_finds_what_an_english_one_does(bridged: Recommender, without: Recommender) -> None:
    for kind, (chinese, english) in ASKED.items():
        assert ahead(bridged, chinese, kind) < ahead(bridged, english, kind) + 0.06
    chinese = ASKED["Romance"][0]
    assert ahead(bridged, chinese, "Romance") < ahead(without, chinese, "Romance") - 0.1


def test_requests_in_the_items_language_are_left_as_they_are(bridged: Recommender, without: Recommender) -> None:
    queries = [
        query(own.catalogue, "C0", "C1", prompt=own.requests.prompt("a war film tonight")) for own in (bridged, without)
    ]
    one, other = (own.backbone.encode_queries([q]) for own, q in zip((bridged, without), queries, strict=True))
    torch.testing.assert_close(one, other)


def test_it_is_saved_and_is_part_of_what_is_frozen(bridged: Recommender, without: Recommender, tmp_path: Path) -> None:
    backbone = bridged.backbone
    assert isinstance(backbone, LanguageBackbone)
    assert backbone.bridge is not None
    assert backbone.fingerprint != without.backbone.fingerprint
    backbone.save(tmp_path, {})
    again = LanguageBackbone.load(tmp_path, bridged.catalogue, bridged.vectors)
    assert again.bridge is not None
    assert again.bridge.fingerprint == backbone.bridge.fingerprint
    assert backbone.over(bridged.catalogue, bridged.vectors).fingerprint == backbone.fingerprint


@pytest.mark.usefixtures("bridged", "without")
def test_the_model_card_says_which_requests_are_carried_over(root: Path) -> None:
    cards = {name: next(root.glob(f"{name}/backbone/*/README.md")).read_text() for name in ("bridged", "without")}
    assert "Requests in Chinese are carried over" in cards["bridged"]
    assert "Requests are read as they are" in cards["without"]


def test_items_without_texts_do_not_say_which_language_is_foreign() -> None:
    assert foreign_and_own(["战争片", "", " ", "", "喜剧"]) == ("en", "zh")
    assert foreign_and_own(["a war film", "喜剧", "a comedy"]) == ("zh", "en")


def test_words_have_names_in_both_languages(bridged: Recommender) -> None:
    names = [word.names for word in words_in_both(bridged.catalogue, bridged.dataset.manifest["labels"], 0)]
    assert {"zh": "战争片", "en": "war"} in names
    assert len(names) == 3
    assert not words_in_both(bridged.catalogue, {}, 0)
    kinds = {"Comedy": "喜剧", "War": "战争", "Romance": "爱情"}
    words = [[kinds[word] for word in own] for own in bridged.catalogue.items["genres"]]
    catalogue = Catalogue(bridged.catalogue.items.with_columns(genres=pl.Series(words)))
    labels = {"en": {chinese: english for english, chinese in kinds.items()}}
    assert {"zh": "战争", "en": "War"} in [word.names for word in words_in_both(catalogue, labels, 0)]


def test_histories_are_of_what_was_trained_on(bridged: Recommender) -> None:
    histories = histories_of(bridged.split, 200, 0)
    trained = bridged.split.training_lengths().max()
    assert all(len(history) <= min(8, trained) for history in histories)
    assert 20 < sum(not len(history) for history in histories) < 60


def test_the_wording_that_is_heard_best_brings_up_most(bridged: Recommender) -> None:
    backbone = bridged.backbone
    assert isinstance(backbone, LanguageBackbone)
    words = words_in_both(bridged.catalogue, bridged.dataset.manifest["labels"], 0)
    asked = [["tax office", f"I want {word.word.lower()}"] for word in words]
    read = torch.stack([backbone.model.read([backbone.model.ids(text) for text in own]) for own in asked])
    nothing, clear = heard(backbone, words, read[:, None]).tolist()
    assert clear > nothing + 0.2


def test_a_model_that_does_not_know_the_characters_gets_no_bridge(root: Path) -> None:
    read = read_by("minilm", root / "minilm")
    assert isinstance(read.backbone, LanguageBackbone)
    assert read.backbone.bridge is None


def test_a_bridge_leads_from_one_language_to_the_other() -> None:
    draw = torch.Generator().manual_seed(0)
    meaning, away = torch.randn(400, 12, generator=draw), torch.randn(12, generator=draw)
    turned = torch.linalg.qr(torch.randn(12, 12, generator=draw)).Q
    foreign = meaning @ turned + away
    bridge = Bridge.fit(True, foreign[:300], meaning[:300])
    before, after = ((own[300:] - meaning[300:]).norm() for own in (foreign, bridge(foreign)))
    assert after < 0.3 * before
    assert bridge.carries("战争 film")
    assert not bridge.carries("war")
    assert not Bridge.fit(False, foreign, meaning).carries(" ")
