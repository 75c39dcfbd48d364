from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from promptrec import Recommender
from promptrec.data.dataset import Dataset

TRAVEL = Path(__file__).parents[2] / "examples" / "movies" / "travel"
REQUEST = "请推荐与用户“旅游”和“美食”兴趣相关的物品"


def test_a_request_brings_what_the_article_says(follow: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    """People who never met a sight or a restaurant get both, and only with the request."""
    printed = follow("movies/travel/README.md", budget="8")
    recommender = Recommender.load(tmp_path / "work/travel")
    kind = dict(recommender.dataset.items.select("id", "kind").iter_rows())
    asked_for = {"旅游", "美食"}
    with_sights = 0
    for history in (["m1", "m3", "m4"], ["g1", "g4"], ["k1", "k2", "k8"], ["f1", "f3", "f6"], ["b1", "b3"]):
        asked = [kind[item.id] for item in recommender.recommend(history=history, request=REQUEST)]
        plain = [kind[item.id] for item in recommender.recommend(history=history)]
        assert sum(found in asked_for for found in plain) <= 5, plain
        assert sum(found in asked_for for found in asked) >= 8, asked
        assert "美食" in asked
        with_sights += "旅游" in asked
    assert with_sights >= 4
    searched = next(text for command, text in printed.items() if command.startswith("promptrec search"))
    assert "(text)" in searched


def test_the_catalogue_and_its_people_are_what_the_generator_makes() -> None:
    items = pl.read_csv(TRAVEL / "items.csv")
    assert items["kind"].unique().sort().to_list() == sorted(["体育", "旅游", "电影", "科技", "美食", "读书", "音乐"])
    generate = runpy.run_path(str(TRAVEL / "generate.py"))["events"]
    assert_frame_equal(generate(items), pl.read_csv(TRAVEL / "events.csv"))


def test_the_readme_runs_on_a_cut(
    run: Callable[[str], str],
    follow: Callable[[str], dict[str, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("python examples/movies/convert.py all")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "all"))
    run("promptrec data import examples/movies/movies.toml --yes -w whole")
    whole = Dataset.load(tmp_path / "whole/dataset")
    films = whole.events["item"].value_counts(sort=True)["item"].head(300)
    people = whole.events["user"].unique(maintain_order=True).head(80)
    events = whole.events.filter(pl.col("user").is_in(people.implode()), pl.col("item").is_in(films.implode()))
    folder = tmp_path / "data" / "ml-100k"
    folder.mkdir(parents=True)
    events.select(user_id="user", item_id="item", rating="value", timestamp="time").write_csv(folder / "ratings.csv")
    items = whole.items.filter(pl.col("id").is_in(films.implode())).with_columns(pl.col("genres").list.join("|"))
    items.rename({"id": "item_id"}).write_csv(folder / "movies.csv")
    assert whole.users is not None
    whole.users.rename({"id": "user_id"}).write_csv(folder / "people.csv")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "data"))

    printed = follow("movies/README.md")

    plain, asked, newcomer = (text for command, text in printed.items() if command.startswith("promptrec recommend"))
    assert plain != asked
    assert "fits your request “轻松的喜剧" in asked
    assert len(newcomer.splitlines()) == 3
    tuned, mixed = (text for command, text in printed.items() if command.startswith("promptrec evaluate"))
    assert "five-stars" in tuned
    assert "good-comedies" in mixed


def test_the_converter_reads_grouplens_files(
    run: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    comedy = "|".join("1" if place in (5, 14) else "0" for place in range(19))
    nothing = "|".join(["1"] + ["0"] * 18)
    (folder / "u.item").write_text(
        f"1|Café Noir (1995)|01-Jan-1995||http://us.imdb.com/M/1|{comedy}\n2|unknown||||{nothing}\n", encoding="latin-1"
    )
    (folder / "u.data").write_text("196\t1\t3\t881250949\n186\t2\t4\t891717742\n", encoding="latin-1")
    (folder / "u.user").write_text("196|49|M|writer|55105\n186|39|F|executive|00000\n", encoding="latin-1")

    run("python examples/movies/convert.py ml-100k data")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "data"))
    run("promptrec data import examples/movies/movies.toml --yes -w work/movies")

    dataset = Dataset.load(tmp_path / "work/movies/dataset")
    assert dataset.items.select("id", "title", "year", "genres").rows() == [
        ("1", "Café Noir", 1995, ["Comedy", "Romance"]),
        ("2", "unknown", None, None),
    ]
    assert dataset.events.select("user", "item", "value", "time").rows() == [
        ("196", "1", 3.0, 881250949.0),
        ("186", "2", 4.0, 891717742.0),
    ]
    assert dataset.users is not None
    assert dataset.users.select("id", "age", "occupation").rows() == [("196", 49, "writer"), ("186", 39, "executive")]
    assert dataset.manifest["labels"]["zh"]["Comedy"] == "喜剧"
