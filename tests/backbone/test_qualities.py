"""Words of quality: which they are, what they mean on a catalogue, what they do to a list."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from promptrec.backbone.qualities import FILE, LIFT, SPOKEN, Qualities, read
from promptrec.backbone.request import RequestEncoder
from promptrec.backbone.spoken import Spoken, spoken_of
from promptrec.data.catalogue import Catalogue
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender

KNOWN = ("popular", "acclaimed", "recent")
WIDTH, ITEMS, SCALE = 8, 200, 10.0


@pytest.mark.parametrize(
    ("phrase", "rest", "amounts"),
    [
        ("a popular comedy", "a comedy", {"popular": 1.0}),
        ("the best science fiction", "science fiction", {"acclaimed": 1.0}),
        ("Recent films", "films", {"recent": 1.0}),
        ("something little known", "something", {"popular": -1.0}),
        ("a very popular war film, highly rated", "a war film", {"popular": 2.0, "acclaimed": 1.0}),
        ("war, fairly popular", "war", {"popular": 0.5}),
        ("popular and acclaimed comedies", "comedies", {"popular": 1.0, "acclaimed": 1.0}),
        ("a comedy, a little older", "a comedy", {"recent": -0.25}),
        ("热门喜剧", "喜剧", {"popular": 1.0}),
        ("很受欢迎的战争片", "战争片", {"popular": 2.0}),
        ("最好的科幻片", "科幻片", {"acclaimed": 1.0}),
        ("冷门的电影", "电影", {"popular": -1.0}),
        ("any good comedy?", "any good comedy?", {}),
        ('like "The Best Years of Our Lives"', 'like "The Best Years of Our Lives"', {}),
        ("something like The Best Years of Our Lives", "something like The Best Years of Our Lives", {}),
        ("unpopular", "unpopular", {}),
    ],
)
def test_words_of_quality_are_read_as_words(phrase: str, rest: str, amounts: dict[str, float]) -> None:
    assert read(phrase, KNOWN) == (rest, amounts)


def test_a_quality_that_is_not_known_stays_a_word() -> None:
    assert read("a popular comedy, recent", ["recent"]) == ("a popular comedy", {"recent": 1.0})


@pytest.mark.parametrize(("name", "language"), [(name, language) for name in SPOKEN for language in ("en", "zh")])
def test_what_a_search_says_of_a_quality_is_read_as_that_alone(name: str, language: str) -> None:
    films = {"en": "films", "zh": "电影"}[language]
    amounts = []
    for said in SPOKEN[name][language]:
        spoken = spoken_of(f"{films}, {said}", KNOWN)
        assert (spoken.wanted, spoken.aside, [*spoken.qualities]) == ((films,), (), [name])
        amounts.append(spoken.qualities[name])
    assert len(set(amounts)) == len(amounts)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("war, popular, a touch of comedy", Spoken(("war",), (("comedy", 0.1),), {"popular": 1.0})),
        (
            "war, a slight touch of comedy, not too much romance",
            Spoken(("war",), (("comedy", 0.03), ("romance", -0.05))),
        ),
        ("a comedy, preferably highly rated", Spoken(("a comedy",), (), {"acclaimed": 0.5})),
        ("a not too popular comedy", Spoken(("a comedy",), (), {"popular": -0.5})),
        ("不太热门的喜剧", Spoken(("喜剧",), (), {"popular": -0.5})),
        ("war, no popular comedy", Spoken(("war",), (("comedy", -1.0),), {"popular": -1.0})),
        ('films like "Dad’s Army"', Spoken(('films like "Dad’s Army"', "Dad’s Army"))),
        ("popular", Spoken((), (), {"popular": 1.0})),
    ],
)
def test_a_request_is_told_apart(request_: str, expected: Spoken) -> None:
    assert spoken_of(request_, KNOWN) == expected


def world(noise: float = 0.0) -> tuple[Any, Any]:
    """200 items whose first number says how often they are chosen, whose second how they are rated, whose third their
    year; `noise` takes the place of the ratings."""
    rng = np.random.default_rng(3)
    keys = rng.normal(size=(ITEMS, WIDTH))
    counts = np.round(np.exp(2.5 + 0.8 * keys[:, 0])).astype(int)
    ratings = (1 - noise) * keys[:, 1] + noise * rng.normal(size=ITEMS)
    rows = np.repeat(np.arange(ITEMS), counts)
    histories = SimpleNamespace(offsets=np.array([0, len(rows)]), rows=rows, values=3.0 + ratings[rows])
    split = SimpleNamespace(histories=histories, training=np.array([0]), training_lengths=lambda: np.array([len(rows)]))
    items = {"id": [str(n) for n in range(ITEMS)], "year": (1980 + 10 * keys[:, 2]).astype(int)}
    placed = torch.cat([torch.from_numpy(keys), torch.zeros(ITEMS, 5)], dim=1)
    backbone = SimpleNamespace(
        prompt_shape=SimpleNamespace(shift=WIDTH + 5),
        space=SimpleNamespace(width=5),
        encode_items=lambda: placed,
        catalogue=Catalogue(pl.DataFrame(items)),
        scale=SCALE,
    )
    return backbone, split


def test_each_quality_points_where_the_events_show_it() -> None:
    backbone, split = world()
    found = Qualities.fit(backbone, split)
    assert list(found.directions) == ["popular", "acclaimed", "recent"]
    for place, name in enumerate(found.directions):
        direction = found.directions[name]
        assert direction.argmax() == place
        assert direction[place] > 10 * direction[torch.arange(WIDTH) != place].abs().max()
        lifted = SCALE * (backbone.encode_items()[:, :WIDTH] @ direction.double())
        assert float(lifted.std()) == pytest.approx(LIFT, rel=0.02)
        assert found.shown[name] > 0.9


def test_a_quality_that_the_model_does_not_show_is_left_out() -> None:
    backbone, split = world(noise=1.0)
    assert "acclaimed" not in Qualities.fit(backbone, split).directions
    backbone, split = world()
    split.histories.values[:] = np.nan
    backbone.catalogue = Catalogue(backbone.catalogue.items.drop("year"))
    assert list(Qualities.fit(backbone, split).directions) == ["popular"]


def qualified(recommender: Recommender) -> RequestEncoder:
    """A request encoder of the small world for which every kind's film number 3 is popular."""
    requests, keys = (
        recommender.requests,
        recommender.backbone.encode_items()[:, : recommender.requests.network.trained],
    )
    popular = keys[3::15].mean(dim=0) - keys.mean(dim=0)
    return RequestEncoder(requests.network, requests.text_encoder, requests.backbone, Qualities({"popular": popular}))


def test_a_quality_moves_the_list_beside_what_is_asked_for(recommender: Recommender) -> None:
    requests = qualified(recommender)
    shift = {words: requests.prompt(words).tensors["shift"] for words in ("a comedy", "a popular comedy", "popular")}
    own = requests.qualities.directions["popular"]
    assert torch.allclose(shift["a popular comedy"] - shift["a comedy"], shift["popular"], atol=1e-6)
    assert torch.equal(shift["popular"][: len(own)], own)
    assert not shift["popular"][len(own) :].any()
    assert requests.fingerprint != recommender.requests.fingerprint
    assert "shift" in requests.prompt("nothing too popular").tensors


def test_they_are_saved_and_a_model_without_them_is_read(recommender: Recommender, tmp_path: Path) -> None:
    requests = qualified(recommender)
    requests.save(tmp_path)
    again = RequestEncoder.load(tmp_path, requests.backbone, requests.text_encoder)
    assert again.fingerprint == requests.fingerprint
    assert torch.equal(again.prompt("popular").tensors["shift"], requests.prompt("popular").tensors["shift"])
    (tmp_path / FILE).unlink()
    older = RequestEncoder.load(tmp_path, requests.backbone, requests.text_encoder)
    assert older.fingerprint == recommender.requests.fingerprint
    (tmp_path / FILE).write_bytes(b"no tensors")
    with pytest.raises(PromptrecError, match="words of quality"):
        RequestEncoder.load(tmp_path, requests.backbone, requests.text_encoder)
