"""Pictures that items name: copied into the dataset, carried on by appends and exports."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.pictures import drawn
from promptrec.data.dataset import Dataset
from promptrec.data.exporting import export_dataset
from promptrec.data.importing import import_dataset
from promptrec.workspace import Workspace, read_json


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "pictures").mkdir()
    for number in (1, 2):
        (tmp_path / "pictures" / f"{number}.JPG").write_bytes(drawn("War", number))
    (tmp_path / "events.csv").write_text("user,item\nu1,a\nu1,b\nu2,c\n")
    (tmp_path / "items.csv").write_text(
        "id,title,image\na,A,pictures/1.JPG\nb,B,pictures/2.JPG\nc,C,pictures/3.JPG\nd,D,\n"
    )
    return tmp_path


def imported(shop: Path, **more: object) -> Workspace:
    place = Workspace(shop / "workspace")
    import_dataset(place, shop / "events.csv", shop / "items.csv", **more)  # type: ignore[arg-type]
    return place


def test_pictures_are_in_the_dataset(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = imported(shop)
    names = Dataset.load(place.dataset).items["image"].to_list()
    assert (place.dataset / names[0]).read_bytes() == drawn("War", 1)
    assert names[0].startswith("image/")
    assert names[0].endswith(".jpg")
    assert names[2:] == ["pictures/3.JPG", None]
    assert "1 of the 3 files that items name are not in" in " ".join(capsys.readouterr().err.split())
    report = read_json(place.dataset / "cleaning.json", "report")
    assert report["missing"]["files of image"]["count"] == 1


def test_names_may_be_relative_to_a_folder(shop: Path) -> None:
    (shop / "items.csv").write_text("id,title,image\na,A,1.JPG\nb,B,2.JPG\nc,C,\n")
    place = imported(shop, item_files=shop / "pictures")
    names = Dataset.load(place.dataset).items["image"].to_list()
    assert [bool(name and (place.dataset / name).is_file()) for name in names] == [True, True, False]
    (shop / "shop.toml").write_text(
        '[events]\nfile = "events.csv"\n[items]\nfile = "items.csv"\nfiles = "pictures"\n', encoding="utf-8"
    )
    other = Workspace(shop / "other")
    import_dataset(other, mapping=shop / "shop.toml")
    assert Dataset.load(other.dataset).items["image"].to_list() == names


def test_an_append_keeps_them_and_adds(shop: Path) -> None:
    place = imported(shop)
    before = Dataset.load(place.dataset).items["image"].to_list()
    (shop / "more.csv").write_text("id,title,image\ne,E,pictures/2.JPG\nf,F,pictures/4.jpg\n")
    (shop / "pictures" / "4.jpg").write_bytes(drawn("Romance", 4))
    import_dataset(place, items=shop / "more.csv", append=True)
    names = Dataset.load(place.dataset).items["image"].to_list()
    assert names[:4] == before
    assert names[4] == names[1]
    assert len(list((place.dataset / "image").iterdir())) == 3
    assert all((place.dataset / name).is_file() for name in (*names[:2], *names[4:]))


def test_an_export_has_them(shop: Path) -> None:
    place = imported(shop)
    export_dataset(place, shop / "out")
    again = Workspace(shop / "again")
    import_dataset(again, mapping=shop / "out" / "import.toml")
    assert Dataset.load(again.dataset).hash == Dataset.load(place.dataset).hash
    assert len(list((again.dataset / "image").iterdir())) == 2
