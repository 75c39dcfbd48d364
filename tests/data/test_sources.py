from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from promptrec.data import sources
from promptrec.data.dataset import Dataset
from promptrec.data.scenario import match
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace


def test_movielens(workspace: Workspace) -> None:
    dataset = sources.fetch("movielens-100k", workspace)
    assert len(dataset.events) == 100_000
    assert dataset.events["user"].n_unique() == 943
    assert len(dataset.catalogue) == 1_682
    assert dict(dataset.items.schema) == {
        "id": pl.String, "title": pl.String, "year": pl.Int64, "genres": pl.List(pl.String),
    }  # fmt: skip
    assert dataset.users is not None
    assert dict(dataset.users.schema) == {
        "id": pl.String, "age": pl.Int64, "gender": pl.String, "occupation": pl.String,
    }  # fmt: skip
    genres = set(dataset.items["genres"].explode().drop_nulls()) - {"unknown"}
    assert set(dataset.manifest["labels"]["zh"]) == genres
    assert len(genres) == 18
    assert dataset.events["kind"].unique().to_list() == ["rating"]
    assert match(dataset, "rating = 5").sum() == 21_201
    assert Dataset.load(workspace.dataset).hash == dataset.hash


def test_genres_that_the_file_calls_one_word_are_several(workspace: Workspace) -> None:
    items = sources.fetch("movielens-1m", workspace).items
    assert items["genres"].dtype == pl.List(pl.String)
    assert items["genres"].explode().drop_nulls().n_unique() == 18


def test_an_unknown_source_names_those_there_are(workspace: Workspace) -> None:
    with pytest.raises(PromptrecError, match="no source 'netflix'; the sources are movielens-100k, movielens-1m"):
        sources.fetch("netflix", workspace)


def test_without_a_network_and_a_cache(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("PIP_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(PromptrecError, match=r"pip could not download recbole==1\.2\.1"):
        sources.fetch("movielens-100k", workspace)
    assert not workspace.root.exists()
