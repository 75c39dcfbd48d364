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
from promptrec.backbone.language.bridge import Bridge, fit_bridge, wishes_in_both
from promptrec.backbone.language.model import LanguageModel
from promptrec.data.catalogue import Catalogue
from promptrec.models import registry
from promptrec.recommender import Recommender

ASKED = {  # in no wording that is learnt from
    "War": ("我今晚想看一部战争电影", "I would like to watch a war film tonight"),
    "Romance": ("我今晚想看一部爱情电影", "I would like to watch a romance film tonight"),
}


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    return read_by("multilingual-e5-small", tmp_path_factory.mktemp("bridged"))


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    return read_by("multilingual-e5-small", tmp_path_factory.mktemp("without"), labels=False)


def ahead(recommender: Recommender, request: str, kind: str) -> float:
    """The mean place, 0 the first and 1 the last, of the kind's films for somebody who saw comedies."""
    prompt = recommender.requests.prompt(request)
    scores = recommender.backbone.score([query(recommender.catalogue, "C0", "C1", "C2", prompt=prompt)])[0]
    places = np.empty(len(scores))
    places[np.argsort(-scores, kind="stable")] = np.linspace(0, 1, len(scores))
    return float(places[rows_of(recommender.catalogue, kind)].mean())


def test_a_chinese_request_finds_what_an_english_one_does(bridged: Recommender, without: Recommender) -> None:
    for kind, (chinese, english) in ASKED.items():
        assert ahead(bridged, chinese, kind) < ahead(bridged, english, kind) + 0.05
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


def test_pairs_are_the_same_wish_before_what_was_trained_on(bridged: Recommender) -> None:
    labels = bridged.dataset.manifest["labels"]
    pairs = wishes_in_both(bridged.catalogue, labels, bridged.split, 0, "zh", "en")
    assert len(pairs) == 3 * 99
    war = labels["zh"]["War"]
    assert {(pair.foreign, pair.own) for pair in pairs} >= {(f"我想要{war}", "I want war"), (war, "war")}
    trained = bridged.split.training_lengths().max()
    assert all(len(pair.history) <= min(8, trained) for pair in pairs)
    assert any(not len(pair.history) for pair in pairs)
    assert not wishes_in_both(bridged.catalogue, {}, bridged.split, 0, "zh", "en")


def test_chinese_words_with_english_names_make_pairs_too(bridged: Recommender) -> None:
    kinds = {"Comedy": "喜剧", "War": "战争", "Romance": "爱情"}
    words = [[kinds[word] for word in own] for own in bridged.catalogue.items["genres"]]
    catalogue = Catalogue(bridged.catalogue.items.with_columns(genres=pl.Series(words)))
    labels = {"en": {chinese: english for english, chinese in kinds.items()}}
    pairs = wishes_in_both(catalogue, labels, bridged.split, 0, "en", "zh")
    assert ("War", "战争") in {(pair.foreign, pair.own) for pair in pairs}


def test_a_model_that_does_not_know_the_characters_gets_no_bridge(bridged: Recommender) -> None:
    model = LanguageModel(registry.fetch("minilm"))
    labels = bridged.dataset.manifest["labels"]
    assert fit_bridge(model, bridged.catalogue, labels, bridged.split, 0) is None


def test_a_bridge_leads_from_one_language_to_the_other() -> None:
    draw = torch.Generator().manual_seed(0)
    meaning, away = torch.randn(400, 12, generator=draw), torch.randn(12, generator=draw)
    turned = torch.linalg.qr(torch.randn(12, 12, generator=draw)).Q
    foreign = meaning @ turned + away
    bridge = Bridge.fit(True, foreign[:300], meaning[:300])
    before, after = ((own[300:] - meaning[300:]).norm() for own in (foreign, bridge(foreign)))
    assert after < 0.5 * before  # it reaches a quarter further than a regression would
    assert bridge.carries("战争 film")
    assert not bridge.carries("war")
    assert not Bridge.fit(False, foreign, meaning).carries(" ")
