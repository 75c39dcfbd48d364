from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from promptrec.data.mapping import load_mapping
from promptrec.errors import PromptrecError

MAPPING = Path(__file__).parents[2] / "examples" / "shop" / "shop.toml"


def keep_fewer_items(folder: Path) -> None:
    """The campaign's, those that the README asks about, and those that two people or more bought."""
    events, items = (pl.read_csv(folder / f"{name}.csv.gz", infer_schema=False) for name in ("events", "items"))
    bought_again = events.filter(pl.len().over("item_id") > 1)["item_id"]
    asked_about = pl.col("item_id").is_in(["1345", "279", "301"])
    in_campaign = pl.col("attributes").str.split("|").list.contains("Men's")
    items = items.filter(asked_about | in_campaign | pl.col("item_id").is_in(bought_again.implode()))
    items.write_csv(folder / "items.csv.gz", compression="gzip")
    events = events.filter(pl.col("item_id").is_in(items["item_id"].implode()))
    events.write_csv(folder / "events.csv.gz", compression="gzip")


def test_the_readme_runs_on_a_cut(
    run: Callable[[str], str],
    follow: Callable[[str], dict[str, str]],
    published: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROMPTREC_DATA", str(published))
    run("python examples/shop/cut.py 80 data")
    keep_fewer_items(tmp_path / "data/beauty")
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path / "data"))

    printed = follow("shop/README.md")

    related, plain, asked = (text for command, text in printed.items() if command.startswith("promptrec recommend"))
    assert "Nautica" in related
    assert plain != asked
    assert "a gift for a man who likes fragrance" in asked
    scores = next(text for command, text in printed.items() if "campaign.py" in command)
    for measure in ("without the prompt", "with mens", "difference", "best baseline", "prompt over baseline"):
        assert measure in scores
    assert "recency-item-knn" in next(text for command, text in printed.items() if " evaluate " in command)


def test_without_the_data_it_says_what_to_get(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMPTREC_DATA", raising=False)
    with pytest.raises(PromptrecError, match=r"PROMPTREC_DATA is not set.*; get reviews_Beauty_5.*convert\.py"):
        load_mapping(MAPPING)
    monkeypatch.setenv("PROMPTREC_DATA", str(tmp_path))
    with pytest.raises(PromptrecError, match=r"events\.csv\.gz: there is no such file; get reviews_Beauty_5"):
        load_mapping(MAPPING)


def test_the_converter_reads_amazons_reviews(run: Callable[[str], str], tmp_path: Path) -> None:
    reviews = [("A2", "B3", 30), ("A1", "B1", 10), ("A2", "B1", 20), ("A1", "B2", 10), ("A2", "B2", 30)]
    reviews += [("A3", f"C{n}", n) for n in range(4)]
    rows = [{"reviewerID": who, "asin": what, "overall": 5.0, "unixReviewTime": when} for who, what, when in reviews]
    products = [
        {"asin": "B1", "title": "Men's &amp; more", "brand": "OPI", "categories": [["Beauty", "Fragrance", "Men's"]]},
        {"asin": "B2", "categories": [["Beauty", "Fragrance"]], "description": 'it\'s "good"'},
        *({"asin": f"C{n}", "title": f"C{n}", "categories": [["Beauty", "Fragrance"]]} for n in range(4)),
        {"asin": "never bought", "title": "other", "categories": [["Beauty", "Men's"]]},
    ]
    (tmp_path / "downloads").mkdir()
    with gzip.open(tmp_path / "downloads/reviews_Beauty_5.json.gz", "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
    with gzip.open(tmp_path / "downloads/meta_Beauty.json.gz", "wt", encoding="utf-8") as out:
        out.writelines(f"{product}\n" for product in products)

    run("python examples/shop/convert.py downloads data")

    events, items = (pl.read_csv(tmp_path / f"data/beauty/{name}.csv.gz") for name in ("events", "items"))
    assert events.columns == ["user_id", "item_id", "position"]
    assert events.rows()[:5] == [(1, 1, 0), (1, 2, 1), (1, 3, 2), (2, 1, 0), (2, 3, 1)]
    assert items.rows()[:3] == [
        (1, "B1", "Men's & more", "Fragrance"),  # one item is too few for OPI and Men's
        (2, "B3", None, None),  # nothing is known about it
        (3, "B2", None, "Fragrance"),
    ]
    assert len(items) == 7
