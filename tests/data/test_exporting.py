from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from promptrec.data.dataset import Dataset
from promptrec.data.exporting import Form, export_dataset
from promptrec.data.importing import import_dataset
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ID = st.one_of(st.integers(-5, 10**18).map(str), TEXT.filter(str.strip), st.just("007"), st.just("🛒 cart"))
NUMBER = st.one_of(st.just(""), st.floats(allow_nan=False, allow_infinity=False).map(repr), st.integers(0, 9).map(str))
TIME = st.one_of(st.just(""), st.integers(-(10**9), 5 * 10**9).map(str), st.just("2024-02-29T12:00:00+08:00"))
EVENT = st.tuples(ID, ID, TIME, st.sampled_from(["", "view", "cart ", "搜索"]), NUMBER, TEXT)
ITEM = st.tuples(ID, TEXT, st.one_of(NUMBER, TEXT), st.lists(TEXT, max_size=3).map("|".join), TEXT)


def write(path: Path, header: str, rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([header.split(","), *rows])
    return path


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(EVENT, min_size=1, max_size=12),
    items=st.lists(ITEM, max_size=8, unique_by=lambda item: item[0]),
    form=st.sampled_from(["csv", "parquet"]),
)
def test_any_frame_that_imports_exports_again_to_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[tuple[str, ...]],
    items: list[tuple[str, ...]],
    form: Form,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    files = [write(folder / "e.csv", "user,item,time,kind,rating,query", events)]
    if items:
        files.append(write(folder / "i.csv", "id,title,size,tags,note", items))
    first, second = Workspace(folder / "one"), Workspace(folder / "two")
    try:
        made = import_dataset(first, *files)
    except PromptrecError:
        return  # for example no event is on one of the items
    export_dataset(first, folder / "out", form)
    again = import_dataset(second, mapping=folder / "out" / "import.toml")
    assert_frame_equal(again.events, made.events)
    assert_frame_equal(again.items, made.items)
    assert again.hash == made.hash
    assert len(pl.read_parquet(second.dataset / "rejected.parquet")) == 0
    kept = ("name", "value_name", "has_times", "unknown_items")
    assert [again.manifest[key] for key in kept] == [made.manifest[key] for key in kept]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_users_labels_and_lists_come_back(workspace: Workspace, tmp_path: Path, form: Form) -> None:
    users = write(tmp_path / "u.csv", "id,age,bio", [("u", "30", 'says "hi"'), ("v", "", "")])
    items = tmp_path / "i.jsonl"
    items.write_text('{"id": 1, "tags": ["a|b", "c"], "note": "x"}\n{"id": 2, "tags": [], "note": null}\n')
    events = write(tmp_path / "e.csv", "user,item", [("u", "1"), ("u", "1"), ("v", "2")])
    labels = {"zh": {'a "b"': "甲", "c\x7f": "丙"}}
    made = import_dataset(workspace, events, items, users, labels=labels, name='a "name"')
    assert made.items["tags"].to_list() == [["a|b", "c"], None]
    export_dataset(workspace, tmp_path / "out", form)
    again = import_dataset(Workspace(tmp_path / "again"), mapping=tmp_path / "out" / "import.toml")
    assert again.users is not None
    assert made.users is not None
    assert_frame_equal(again.users, made.users)
    assert_frame_equal(again.items, made.items)
    assert again.manifest["labels"] == labels
    assert again.manifest["name"] == 'a "name"'


def test_a_folder_that_has_something_is_left_alone(workspace: Workspace, tmp_path: Path) -> None:
    import_dataset(workspace, write(tmp_path / "e.csv", "user,item", [("u", "1")]))
    with pytest.raises(PromptrecError, match="is there already and not empty"):
        export_dataset(workspace, tmp_path)
    with pytest.raises(PromptrecError, match="there is no dataset"):
        export_dataset(Workspace(tmp_path / "nothing"), tmp_path / "out")
    assert Dataset.load(workspace.dataset).events.height == 1
