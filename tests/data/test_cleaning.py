from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from promptrec.data import blocks
from promptrec.data.importing import import_dataset
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace, read_json

Put = Callable[[str, str | bytes], Path]
EVENTS = (
    "user,item,time,kind,plays\nu,a,1,view,0\nu,a,2,buy,3\nu,b,3,view,1\nv,a,1,view,5\nv,c,2,view,5\nbot,a,1,view,1\n"
)
EVENTS += "".join(f"bot,a,{n},view,1\n" for n in range(2, 9))


def run(workspace: Workspace, put: Put, toml: str, events: str = EVENTS) -> tuple[pl.DataFrame, dict[str, Any]]:
    put("e.csv", events)
    dataset = import_dataset(workspace, mapping=put("m.toml", '[events]\nfile = "e.csv"\n' + toml))
    report = read_json(workspace.dataset / "cleaning.json", "report")
    for total in report["files"].values():
        assert total["read"] == total["kept"] + total["rejected"]
    assert len(pl.read_parquet(workspace.dataset / "rejected.parquet")) == sum(
        found["count"] for found in report["rejected"].values()
    )
    return dataset.events, report


def test_bots_are_rejected_with_their_raw_text(workspace: Workspace, put: Put) -> None:
    events, report = run(workspace, put, "[cleaning]\nmost_events_a_user = 7\n")
    assert events["user"].unique().sort().to_list() == ["u", "v"]
    found = report["rejected"]["person has more than 7 events"]
    assert found["count"] == 8
    assert found["first"][0] == {
        "file": "e.csv", "record": 6, "column": "user", "value": "bot", "raw": "bot,a,1,view,1",
        "reason": "person has more than 7 events",
    }  # fmt: skip


def test_a_core_is_what_is_left_when_nothing_more_goes(workspace: Workspace, put: Put) -> None:
    toml = "[cleaning]\nfewest_events_a_user = 2\nfewest_events_an_item = 2\n"
    events, report = run(workspace, put, toml, "user,item\nu,a\nu,b\nv,a\nv,b\nw,b\nw,c\nx,c\n")
    # x has one event; then c has one, and then w has one
    assert events.select("user", "item").rows() == [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")]
    assert {reason: found["count"] for reason, found in report["rejected"].items()} == {
        "person has fewer than 2 events": 2,
        "item has fewer than 2 events": 1,
    }


@pytest.mark.parametrize(("rule", "times"), [("first", [1, 3, 1, 2, 1]), ("last", [2, 3, 1, 2, 8])])
def test_repeated_events(workspace: Workspace, put: Put, rule: str, times: list[int]) -> None:
    events, _ = run(workspace, put, f'repeated = "{rule}"\n')
    assert events["time"].to_list() == times


@pytest.mark.parametrize(
    ("rule", "values"),
    [("log", [0.0, 1.386294, 0.693147]), ("person", [-1.069045, 1.336306, -0.267261]), ("range", [0.0, 0.6, 0.2])],
)
def test_values_are_normalised(workspace: Workspace, put: Put, rule: str, values: list[float]) -> None:
    events, _ = run(workspace, put, f'value = "plays"\nnormalise = "{rule}"\n')
    assert events["value"].head(3).to_list() == pytest.approx(values, abs=1e-6)
    if rule == "person":
        assert events.filter(user="v")["value"].to_list() == [0.0, 0.0]


def test_no_log_of_what_is_below_zero(workspace: Workspace, put: Put) -> None:
    toml = 'value = "plays"\nnormalise = "log"\n'
    events, report = run(workspace, put, toml, "user,item,plays\nu,a,-1\nu,b,1\n")
    assert len(events) == 1
    assert "value is below 0, of which there is no log" in report["rejected"]


def test_weights_by_kind_give_way_to_an_events_own(workspace: Workspace, put: Put) -> None:
    events = "user,item,kind,weight\nu,a,buy,\nu,b,view,\nu,c,buy,7\n"
    found, _ = run(workspace, put, "[events.weights]\nbuy = 3\n", events)
    assert found["weight"].to_list() == [3.0, 1.0, 7.0]


def test_items_without_a_record_are_cold_or_rejected(workspace: Workspace, put: Put) -> None:
    put("i.csv", "id,title\nb,B\n")
    _, report = run(workspace, put, '[items]\nfile = "i.csv"\n')
    assert report["rejected"]["item is not in the items file"]["count"] == 12
    run(workspace, put, '[items]\nfile = "i.csv"\nunknown = "cold"\n')
    assert pl.read_parquet(workspace.dataset / "items.parquet").rows() == [("b", "B"), ("a", None), ("c", None)]


def test_missing_values(workspace: Workspace, put: Put) -> None:
    put("i.csv", "id,title,year,brand,colour,tags\na,A,1990,x,,p|q\nb,B,,x,red,\nc,,1993,,,p\nd,D,1992,y,,r\n")
    toml = '[items]\nfile = "i.csv"\nmissing = { year = "median", brand = "most frequent", colour = "constant:none", '
    _, report = run(workspace, put, toml + 'title = "drop", tags = "most frequent" }\nunknown = "cold"\n')
    items = pl.read_parquet(workspace.dataset / "items.parquet").head(3)
    assert items.rows() == [
        ("a", "A", 1990, "x", "none", ["p", "q"]),
        ("b", "B", 1991, "x", "red", ["p"]),
        ("d", "D", 1992, "y", "none", ["r"]),
    ]
    assert report["missing"]["i.csv, year"] == {"count": 1, "done": "median: 1991"}
    assert report["rejected"]["missing title"]["first"][0]["raw"] == "c,,1993,,,p"


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ('[items]\nfile = "i.csv"\nmissing = { title = "median" }', "needs numbers"),
        ('[items]\nfile = "i.csv"\nmissing = { title = "guess" }', "is not known; use median"),
        ('[items]\nfile = "i.csv"\nmissing = { x = "drop" }', "there is no column 'x'"),
        ('[items]\nfile = "i.csv"\nseparators = { x = "," }', "there is no column 'x'"),
        ('[items]\nfile = "i.csv"\nleave_out = ["x"]', "leave_out: there is no column 'x'"),
        ("[cleaning]\nfewest_events_a_user = 99", "no valid event is left of 13 records"),
        ("[cleaning]\nk = 99", "cleaning.k: there is no such key; the keys here are fewest_events_a_user"),
        ('usr = "x"', "events.usr: there is no such key"),
        ('[items]\nfile = "${NO_SUCH_FOLDER}/i.csv"', "the environment variable NO_SUCH_FOLDER is not set"),
        ("[items", "is not valid TOML"),
    ],
)
def test_mistakes_in_a_mapping(workspace: Workspace, put: Put, toml: str, expected: str) -> None:
    put("i.csv", "id,title\na,A\nb,\nc,C\n")
    with pytest.raises(PromptrecError) as caught:
        run(workspace, put, toml)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not workspace.root.exists()


def test_a_mapping_takes_paths_from_the_environment_and_a_folder_of_files(
    workspace: Workspace, put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_DATA", str(tmp_path))
    (tmp_path / "events").mkdir()
    put("events/2.csv", "item,user\nb,u\n")
    put("events/1.csv", "user,item\nu,a\nu\n")
    dataset = import_dataset(workspace, mapping=put("m.toml", '[events]\nfile = "${SOME_DATA}/events"\n'))
    assert dataset.events["item"].to_list() == ["a", "b"]
    report = read_json(workspace.dataset / "cleaning.json", "report")
    assert report["files"]["events"] == {"read": 3, "kept": 2, "rejected": 1}


def test_a_small_block_changes_nothing(workspace: Workspace, put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = EVENTS + EVENTS.partition("\n")[2] + "x\n,a,1,,\n"
    events, report = run(workspace, put, 'repeated = "last"\n', twice)
    monkeypatch.setattr(blocks, "BLOCK", 24)
    again, same = run(workspace, put, 'repeated = "last"\n', twice)
    assert again.equals(events)
    assert same == report
    assert report["rejected"]["exact duplicate"]["count"] == 13


def test_the_page_shows_what_was_rejected_and_needs_nothing_else(workspace: Workspace, put: Put) -> None:
    run(workspace, put, "", EVENTS + "u,<b>x</b>\n")
    page = (workspace.dataset / "cleaning.html").read_text(encoding="utf-8")
    assert "u,&lt;b&gt;x&lt;/b&gt;" in page
    assert "2 fields where the header has 5" in page
    assert page.count("<svg") == 3
    assert "http" not in page


def test_the_searches_of_a_person(workspace: Workspace, put: Put) -> None:
    dataset = import_dataset(
        workspace, put("e.csv", "user,item,query,time\nu,a,,1\nu,,boots,3\nu,,shoes,2\nv,,hat,1\n")
    )
    assert dataset.searches("u") == ("shoes", "boots")
    assert dataset.searches("nobody") == ()
