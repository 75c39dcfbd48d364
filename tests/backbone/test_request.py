"""The request encoder on the small world, in words that it was not fitted on."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file, save_file

from contracts.world import KINDS
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.request import RequestEncoder, choose_strength, fit_request_encoder
from promptrec.backbone.request_network import RequestNetwork
from promptrec.backbone.wishes import attribute_words, nothing_asked, training_wishes, word_wishes
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import History
from promptrec.errors import PromptrecError
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.training import training_examples

WAR = ["W0", "W1", "W2"]


def scores(recommender: Recommender, request: str | None) -> np.ndarray:
    history, _ = recommender.catalogue.history(WAR)
    prompt = recommender.requests.prompt(request) if request else None
    return recommender.backbone.score([Query(history=history, prompt=prompt)])[0]


def of_kind(kind: str) -> slice:
    place = KINDS.index(kind)
    return slice(15 * place, 15 * place + 15)


@pytest.mark.parametrize("request_", ["could you suggest comedy for tonight", "请给我推荐喜剧"])
def test_what_is_asked_for_comes_up_in_each_persons_own_order(recommender: Recommender, request_: str) -> None:
    without, with_ = scores(recommender, None), scores(recommender, request_)
    comedies = of_kind("Comedy")
    assert set(np.argsort(-with_)[:10]) <= set(range(15))
    assert not set(np.argsort(-without)[:10]) <= set(range(15))
    np.testing.assert_array_equal(np.argsort(-without[comedies]), np.argsort(-with_[comedies]))


@pytest.mark.parametrize("request_", ["something good, but no war", "不要战争片"])
def test_what_is_refused_goes_away(recommender: Recommender, request_: str) -> None:
    wars = set(range(*of_kind("War").indices(45)))
    assert wars & set(np.argsort(-scores(recommender, None))[:10])
    assert not wars & set(np.argsort(-scores(recommender, request_))[:10])


def test_a_new_item_is_placed_by_its_content(recommender: Recommender) -> None:
    backbone = recommender.backbone
    items = recommender.catalogue.items
    grown = Catalogue(items.vstack(items[20:21].with_columns(id=items["id"][20:21] + "-again")))
    vectors = np.vstack([recommender.vectors, recommender.vectors[20:21]])
    wider = backbone.over(grown, vectors)
    assert wider.fingerprint == backbone.fingerprint
    history = History.of([(30, float("nan"), "view")])
    old, new = backbone.score([Query(history=history)])[0], wider.score([Query(history=history)])[0]
    np.testing.assert_allclose(new[:45], old, atol=1e-6)
    asked = recommender.requests.prompt("请给我推荐战争片")
    assert 45 in np.argsort(-wider.score([Query(history=history, prompt=asked)])[0])[:16]


def test_facets_are_the_words_that_most_items_carry(recommender: Recommender) -> None:
    space = ContentSpace.fit(recommender.catalogue, recommender.vectors)
    assert set(space.facets) == {("genres", kind) for kind in KINDS}
    carried = space.place(recommender.catalogue, recommender.vectors)[:, -3:]
    assert carried.sum() == 45
    assert carried[of_kind("War"), space.facets.index(("genres", "War"))].all()


@pytest.mark.parametrize("request_", ["the soup needs more salt", "请把发票寄到公司"])
def test_a_sentence_that_asks_for_nothing_hardly_moves_the_list(recommender: Recommender, request_: str) -> None:
    without, with_ = (set(np.argsort(-scores(recommender, asked))[:10]) for asked in (None, request_))
    assert len(without & with_) >= 7


def test_everyday_sentences_that_were_not_trained_on_change_nothing(recommender: Recommender) -> None:
    sentences = nothing_asked("validation")
    assert not set(sentences) & set(nothing_asked())
    vectors = torch.from_numpy(recommender.requests.text_encoder.encode(sentences))
    moved = recommender.requests.network(vectors).any(dim=-1)
    assert moved.float().mean() <= 0.1


def test_a_word_that_no_wish_named_is_understood(recommender: Recommender) -> None:
    labels, split = recommender.dataset.manifest.get("labels", {}), recommender.split
    encoder, backbone = recommender.requests.text_encoder, recommender.backbone
    words = attribute_words(recommender.catalogue, labels)
    names = [name for word in words if word.word == "War" for name in word.names.values()]
    wishes = [
        wish
        for wish in training_wishes(recommender.catalogue, labels, 0)
        if not any(name in wish.text.lower() for name in names)
    ]
    checked = word_wishes([word for word in words if word.word != "War"], "validation")
    sentences, silent = (encoder.encode(texts) for texts in ([wish.text for wish in wishes], nothing_asked()))
    requests = fit_request_encoder(backbone, encoder, wishes, sentences, silent, training_examples(split), 0)
    spoken = encoder.encode([wish.text for wish in checked])
    requests = choose_strength(requests, checked, spoken, split.asked("validation").apart())
    history, _ = recommender.catalogue.history(["C0", "C1", "R2"])
    asked = requests.prompt("could you suggest war for tonight")
    plain, steered = (backbone.score([Query(history=history, prompt=prompt)])[0] for prompt in (None, asked))
    gained = steered - plain
    wars = of_kind("War")
    assert gained[wars].min() > np.delete(gained, np.r_[wars]).max() + 0.1


def test_a_decade_is_a_facet_where_items_have_a_year(recommender: Recommender) -> None:
    years = np.where(np.arange(45) < 30, 1994, 2001)
    catalogue = Catalogue(recommender.catalogue.items.with_columns(year=years))
    space = ContentSpace.fit(catalogue, recommender.vectors)
    assert {("year", "1990s"), ("year", "2000s")} <= set(space.facets)
    carried = space.place(catalogue, recommender.vectors)[:, space.facets_at]
    assert carried[:, space.facets.index(("year", "1990s"))].tolist() == [1.0] * 30 + [0.0] * 15
    texts = {wish.text: wish.fulfilled for wish in training_wishes(catalogue, {}, 0)}
    assert texts["from the 90s"].tolist() == [True] * 30 + [False] * 15
    assert texts["from the 90s"] is texts["1990年代的"]


def test_a_catalogue_without_attribute_words_is_read_without_a_warning() -> None:
    vectors = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    titles = pl.DataFrame({"id": [str(n) for n in range(12)], "title": [f"film {n}" for n in range(12)]})
    space = ContentSpace.fit(Catalogue(titles), vectors)
    assert space.facets == ()
    names, everyday = torch.zeros(3, 0, 8), space.content(vectors)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        network = RequestNetwork(4, space, space.content(vectors) @ space.directions, space.centre, names, everyday)
    assert network(torch.from_numpy(vectors)).shape == (12, 4 + space.width)


@pytest.mark.parametrize(
    ("wish", "hint", "both"),
    [
        ("romance", "romance, with a touch of comedy", "romance and comedy"),
        ("爱情片", "爱情片，略带喜剧", "爱情片和喜剧"),
    ],
)
def test_a_hint_moves_less_than_a_wish(with_room: Recommender, wish: str, hint: str, both: str) -> None:
    comedies, romances = of_kind("Comedy"), of_kind("Romance")
    plain, hinted, wished = (scores(with_room, request) for request in (wish, hint, both))
    assert plain[comedies].mean() < hinted[comedies].mean() < wished[comedies].mean()
    assert set(np.argsort(-hinted)[:10]) <= set(range(romances.start, romances.stop))


@pytest.mark.parametrize(
    ("request_", "wished"),
    [("looking for war and comedy tonight", ("War", "Comedy")), ("战争片和爱情片", ("War", "Romance"))],
)
def test_neither_of_two_wishes_drowns_the_other(
    recommender: Recommender, request_: str, wished: tuple[str, str]
) -> None:
    gained = scores(recommender, request_) - scores(recommender, None)
    both = np.concatenate([np.arange(45)[of_kind(kind)] for kind in wished])
    assert gained[both].min() > np.delete(gained, both).max()


def test_a_half_that_names_nothing_makes_no_wish_of_its_own(recommender: Recommender) -> None:
    network, encoder = recommender.requests.network, recommender.requests.text_encoder
    named = network.named(torch.from_numpy(encoder.encode(["comedy", "喜剧", "the quarterly report", "a film"])))
    assert named[:, : len(KINDS)].sum(dim=1).tolist() == [1, 1, 0, 0]
    whole, halves = (recommender.requests.prompt(f"comedy {word} the quarterly report") for word in ("or", "and"))
    torch.testing.assert_close(whole.tensors["shift"][-3:], halves.tensors["shift"][-3:])


def test_an_encoder_of_an_earlier_version_is_refused_by_name(recommender: Recommender, tmp_path: Path) -> None:
    recommender.requests.save(tmp_path)
    file = tmp_path / "request_encoder.safetensors"
    save_file({name: own for name, own in load_file(file).items() if name not in ("names", "everyday")}, file)
    with pytest.raises(PromptrecError, match=r"request_encoder.safetensors: .* of an earlier version .* train again"):
        RequestEncoder.load(tmp_path, recommender.backbone, recommender.requests.text_encoder)
