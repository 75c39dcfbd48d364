"""Something like this: a picture steers towards what such pictures have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from contracts.pictures import drawn
from contracts.world import KINDS, small_world
from promptrec.backbone.like import share_of_top, shown_items
from promptrec.content import encoders
from promptrec.content.items import _inside
from promptrec.data.dataset import Dataset
from promptrec.errors import PromptrecError
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.training import train
from promptrec.tune.directions import directions
from promptrec.workspace import Workspace, read_json


@pytest.fixture(scope="module")
def place(pictured: Path) -> Workspace:
    return Workspace(pictured)


@pytest.fixture(scope="module")
def seeing(pictured: Path) -> Recommender:
    return Recommender.load(pictured)


def test_a_picture_brings_films_of_its_kind(seeing: Recommender) -> None:
    for kind in KINDS:
        plain = seeing.recommend(["C1"], k=10, explain=False)
        found = seeing.recommend(["C1"], image=drawn(kind, 999), k=10, explain=False)
        assert sum(item.id[0] == kind[0] for item in found) >= 8
        if kind != "Comedy":
            assert sum(item.id[0] == kind[0] for item in plain) <= 4


def test_directions_of_attribute_words_are_found_beside_those_of_pictures(seeing: Recommender) -> None:
    names, along = directions(seeing)
    lifts = (seeing.backbone.encode_items() @ along.T).numpy()
    for kind in KINDS:
        carries = np.array([kind in words for words in seeing.catalogue.words_of("genres")])
        assert np.array_equal(lifts[:, names.index(f"genres: {kind}")], carries)


def test_it_says_so(seeing: Recommender, tmp_path: Path) -> None:
    file = tmp_path / "war.jpg"
    file.write_bytes(drawn("War", 999))
    found = seeing.recommend(["C1"], image=file, k=3)
    assert found.prompts[0]["name"] == "image"
    assert any("like this picture" in reason for item in found for reason in item.reasons)


def test_it_goes_together_with_a_request_and_its_weight(seeing: Recommender) -> None:
    alone = seeing.recommend(["C1"], image=drawn("War", 999), k=10, explain=False)
    silent = seeing.recommend(["C1"], image=drawn("War", 999), k=10, explain=False, request_weight=0)
    both = seeing.recommend(["C1"], "romantic films", image=drawn("War", 999), k=20, explain=False)
    assert [item.id for item in silent] == [item.id for item in seeing.recommend(["C1"], k=10, explain=False)]
    assert [item.id for item in alone] != [item.id for item in silent]
    assert {item.id[0] for item in both} >= {"R", "W"}


def test_films_that_were_kept_out_show_what_it_is_worth(seeing: Recommender, place: Workspace) -> None:
    like, vectors = seeing.likes["image"], seeing.others["image"]
    parts = shown_items(seeing.backbone.space.carried(seeing.catalogue), vectors, seed=0)
    assert len(np.unique(np.concatenate(parts))) == sum(map(len, parts)) == 44
    people = seeing.split.asked("test").apart()
    without, share = share_of_top(like, vectors, parts[2], people)
    assert share > 2 * without
    card = read_json(place.backbones / "1" / "config.json", "config")["card"]
    assert card["like"]["image"]["share_with"] > 0.8
    assert card["encoders"] == {"text": "offline", "image": "efficientnet-lite0"}


def test_loading_again_gives_the_same(seeing: Recommender, pictured: Path) -> None:
    again = Recommender.load(pictured)
    assert again.likes["image"].fingerprint == seeing.likes["image"].fingerprint
    one = again.recommend(["C1"], image=drawn("War", 1), k=5)
    assert one.as_dict() == seeing.recommend(["C1"], image=drawn("War", 1), k=5).as_dict()


@pytest.mark.parametrize("picture", [b"", b"GIF89a not really", drawn("War", 1)[:100]], ids=["empty", "garbage", "cut"])
def test_what_is_no_picture_is_refused(seeing: Recommender, picture: bytes) -> None:
    with pytest.raises(PromptrecError, match=r"image: the .* bytes cannot be read"):
        seeing.recommend(["C1"], image=picture)


def test_a_path_that_is_not_there_is_refused(seeing: Recommender, tmp_path: Path) -> None:
    with pytest.raises(PromptrecError, match=r"image: .*absent\.jpg: cannot be read"):
        seeing.recommend(["C1"], image=tmp_path / "absent.jpg")


def test_a_model_without_pictures_says_so(recommender: Recommender) -> None:
    with pytest.raises(PromptrecError, match="image: this model has learnt from none"):
        recommender.recommend(["C1"], image=drawn("War", 1))


def test_missing_and_broken_pictures_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Workspace(tmp_path)
    dataset = small_world()
    names = ["broken.jpg" if row == 1 else "absent.jpg" for row in range(45)]
    items = dataset.items.with_columns(image=pl.Series(names))
    Dataset(dataset.events, items, None, dataset.manifest).save(place.dataset)
    (place.dataset / "broken.jpg").write_bytes(b"broken")
    assert not train(place, seed=0).others
    assert "44 files are missing and 1 cannot be read, of 45" in " ".join(capsys.readouterr().err.split())


def test_names_that_lead_out_of_the_dataset_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(drawn("War", 1))
    (tmp_path / "dataset").mkdir()
    assert not _inside(tmp_path / "dataset", "../secret.jpg")
    assert not _inside(tmp_path / "dataset", str(tmp_path / "secret.jpg"))


HEARD = """
import numpy as np
from promptrec.content.encoder import EncoderKind


class Pitch:
    name, width = "pitch-1", 8

    def encode(self, files):
        vectors = np.array([np.bincount(np.frombuffer(file, np.uint8) % 8, minlength=8) for file in files], np.float32)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


KIND = EncoderKind("pitch", "audio", lambda _: Pitch(), default=True)
"""


def test_a_third_modality_is_one_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoders").mkdir()
    (tmp_path / "encoders" / "pitch.py").write_text(HEARD)
    monkeypatch.setattr(encoders, "__path__", [*encoders.__path__, str(tmp_path / "encoders")])
    place, dataset = Workspace(tmp_path / "workspace"), small_world()
    items = dataset.items.with_columns(audio=pl.Series([f"audio/{row}" for row in range(45)]))
    Dataset(dataset.events, items, None, dataset.manifest).save(place.dataset)
    (place.dataset / "audio").mkdir()
    for row in range(45):
        sound = bytes([row // 15] * 40 + [3 + row % 5] * 8)
        (place.dataset / "audio" / str(row)).write_bytes(sound)
    hearing = train(place, seed=0)
    assert hearing.others["audio"].shape == (45, 8)
    assert list(hearing.likes) == ["audio"]
    like_war = hearing.like("audio", bytes([1] * 40 + [6] * 8))
    best = np.argsort(-hearing.backbone.score([Query(prompt=like_war)])[0])[:10]
    assert np.isin(best, hearing.catalogue.rows([f"W{n}" for n in range(15)])).sum() >= 8
