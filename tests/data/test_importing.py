from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.describe import describe, lines
from promptrec.data.importing import import_dataset
from promptrec.data.languages import language
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace, read_json

EVENTS = "user_id,item_id,rating,timestamp\n1,007,5,100\n2,007,3,50\n1,8,4,90\n"
ITEMS = "item_id,title,year,genres\n007,Bond,1962,Action|Comedy\n8,Otto e mezzo,1963,Drama\n9,Cold,1999,\n"
Put = Callable[[str, str | bytes], Path]


def parquet(text: str) -> bytes:
    out = io.BytesIO()
    pl.read_csv(text.encode()).write_parquet(out)
    return out.getvalue()


def test_events_are_canonical_and_sorted_and_ids_stay_strings(workspace: Workspace, put: Put) -> None:
    dataset = import_dataset(workspace, put("e.csv", EVENTS), put("i.csv", ITEMS), name="small")
    assert dict(dataset.events.schema) == EVENT_COLUMNS
    assert dataset.events.select("user", "item", "time", "value", "kind").rows() == [
        ("1", "8", 90.0, 4.0, "rating"),
        ("1", "007", 100.0, 5.0, "rating"),
        ("2", "007", 50.0, 3.0, "rating"),
    ]
    assert dataset.items.schema["year"] == pl.Int64
    assert dataset.items["genres"].to_list() == [["Action", "Comedy"], ["Drama"], None]
    assert dataset.manifest["name"] == "small"
    assert dataset.manifest["value_name"] == "rating"
    assert dataset.manifest["has_times"] is True


def test_a_saved_dataset_is_the_same_when_loaded(workspace: Workspace, put: Put) -> None:
    made = import_dataset(
        workspace, put("e.csv", EVENTS), put("i.csv", ITEMS), put("u.csv", "user_id,age\n1,30\n2,40\n")
    )
    loaded = Dataset.load(workspace.dataset)
    assert_frame_equal(made.events, loaded.events)
    assert_frame_equal(made.items, loaded.items)
    assert loaded.users is not None
    assert loaded.users["age"].to_list() == [30, 40]
    assert made.hash == loaded.hash


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("e.csv", EVENTS),
        ("e.csv", "\ufeff" + EVENTS.replace("\n", "\r\n")),
        ("e.csv", EVENTS.replace(",", ";")),
        ("e.csv", "\n" + EVENTS),
        ("e.tsv", EVENTS.replace(",", "\t")),
        ("e.csv.gz", gzip.compress(EVENTS.encode())),
        ("e.jsonl", '{"user": "1", "item": "007", "rating": 5, "time": 100}\n'
         '{"user": 2, "item": "007", "rating": 3, "time": 50}\n\n{"user": 1, "item": 8, "rating": 4, "time": 90}'),
        ("e.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
         "1\t007\t5\t100\n2\t007\t3\t50\n1\t8\t4\t90\n"),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_events(workspace: Workspace, put: Put, name: str, content: str | bytes) -> None:
    events = import_dataset(workspace, put(name, content)).events
    assert events.select("user", "item", "time", "value").rows() == [
        ("1", "8", 90.0, 4.0),
        ("1", "007", 100.0, 5.0),
        ("2", "007", 50.0, 3.0),
    ]


def test_parquet_with_typed_ids_and_times(workspace: Workspace, put: Put) -> None:
    frame = pl.DataFrame({"user": [1, 1], "item": ["b", "a"], "time": [86400, 0], "price": [1.5, None]})
    out = io.BytesIO()
    frame.with_columns(pl.from_epoch("time")).write_parquet(out)
    events = import_dataset(workspace, put("e.parquet", out.getvalue())).events
    assert events.select("user", "item", "time", "value").rows() == [("1", "a", 0.0, None), ("1", "b", 86400.0, 1.5)]


def test_times_as_milliseconds_iso_and_only_an_order(workspace: Workspace, put: Put) -> None:
    def times(header: str, *values: str) -> list[float | None]:
        lines = [f"user,item,{header}", *(f"u,{n},{value}" for n, value in enumerate(values))]
        return import_dataset(workspace, put("e.csv", "\n".join(lines))).events["time"].to_list()

    assert times("time", "1600000000000", "1600000000500") == [1.6e9, 1.6e9 + 0.5]
    assert times("time", "1970-01-02T01:00:00+01:00", "1970-01-02T00:00:01") == [86400.0, 86401.0]
    assert times("position", "2", "1") == [None, None]
    assert Dataset.load(workspace.dataset).events["item"].to_list() == ["1", "0"]


def test_equal_times_keep_the_order_of_the_file(workspace: Workspace, put: Put) -> None:
    lines = "\n".join(f"u{n % 2},{n},7" for n in range(40))
    events = import_dataset(workspace, put("e.csv", "user,item,time\n" + lines)).events
    assert events["item"].to_list() == [str(n) for n in [*range(0, 40, 2), *range(1, 40, 2)]]


def test_cleaning_counts_and_keeps_what_was_rejected(workspace: Workspace, put: Put) -> None:
    bad = "1,007,5,100\n,007,1,1\n1,,1,1\n1,8,good,2\n1,8,nan,2\n1,8,1,noon\n1,8\n1,8,1,1,1\n1,nine,1,1\n"
    import_dataset(workspace, put("e.csv", EVENTS + bad), put("i.csv", ITEMS + "8,Otto e mezzo,1963,Drama\n"))
    report = read_json(workspace.dataset / "cleaning.json", "report")
    assert report["files"] == {
        "items": {"read": 4, "kept": 3, "rejected": 1},
        "events": {"read": 12, "kept": 3, "rejected": 9},
    }
    assert {reason: found["count"] for reason, found in report["rejected"].items()} == {
        "exact duplicate": 2,
        "2 fields where the header has 4": 1,
        "5 fields where the header has 4": 1,
        "missing user": 1,
        "missing item": 1,
        "value is not a finite number": 2,
        "time is neither epoch seconds nor ISO 8601": 1,
        "item is not in the items file": 1,
    }
    rejected = pl.read_parquet(workspace.dataset / "rejected.parquet")
    assert len(rejected) == 10
    assert rejected.filter(pl.col("value") == "good").row(0) == (
        "e.csv", 7, "rating", "good", "value is not a finite number", "1,8,good,2",
    )  # fmt: skip
    assert report["rejected"]["2 fields where the header has 4"]["first"][0]["raw"] == "1,8"


def test_quotes_and_line_breaks_inside_a_field(workspace: Workspace, put: Put) -> None:
    items = 'id,title\n007,"Bond, ""James""\nBond"\n8,x\n'
    dataset = import_dataset(workspace, put("e.csv", EVENTS), put("i.csv", items))
    assert dataset.catalogue.titles[0] == 'Bond, "James"\nBond'


def test_lists_of_json_lines_and_parquet(workspace: Workspace, put: Put) -> None:
    items = '{"id": 1, "tags": ["a", "b c"]}\n{"id": 1, "tags": ["a", "b c"]}\n{"id": 2, "tags": null}\n'
    dataset = import_dataset(workspace, put("e.csv", "user,item\nu,1\n"), put("i.jsonl", items))
    assert dataset.items.rows() == [("1", ["a", "b c"]), ("2", None)]
    out = io.BytesIO()
    dataset.items.write_parquet(out)
    again = import_dataset(workspace, put("e.csv", "user,item\nu,1\n"), put("i.parquet", out.getvalue()))
    assert_frame_equal(again.items, dataset.items)


def test_a_search_has_no_item(workspace: Workspace, put: Put) -> None:
    dataset = import_dataset(workspace, put("e.csv", "user,item,query\nu,a,\nu,,red shoes\nu,b,\n"))
    assert dataset.events["kind"].to_list() == ["view", "search", "view"]
    assert len(dataset.histories.rows) == 2


def test_without_an_items_file_the_catalogue_is_what_the_events_name(workspace: Workspace, put: Put) -> None:
    assert import_dataset(workspace, put("e.csv", EVENTS)).catalogue.ids == ("8", "007")


def test_the_list_separator_and_mapped_columns(workspace: Workspace, put: Put) -> None:
    columns = {"events": {"user": "who", "item": "what"}, "items": {"tags": "labels", "secret": ""}}
    dataset = import_dataset(
        workspace,
        put("e.csv", "who,what\nu,1\n"),
        put("i.csv", "id,labels,secret,zip\n1,a b,x,01\n2,c,y,22\n"),
        columns=columns,
        list_separator=" ",
    )
    assert dataset.items.to_dict(as_series=False) == {
        "id": ["1", "2"],
        "tags": [["a", "b"], ["c"]],
        "zip": ["01", "22"],
    }


def test_a_stray_word_in_a_number_column_is_emptied_and_counted(workspace: Workspace, put: Put) -> None:
    items = "id,year\n" + "".join(f"{n},{1900 + n % 100}\n" for n in range(200)) + "x,V\n"
    dataset = import_dataset(workspace, put("e.csv", "user,item\nu,1\n"), put("i.csv", items))
    assert dataset.items.schema["year"] == pl.Int64
    assert read_json(workspace.dataset / "cleaning.json", "report")["emptied"] == {
        "i.csv, year: not a number": {"count": 1, "first": [{"record": 201, "value": "V"}]}
    }


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("e.csv", "", "e.csv: the file is empty"),
        ("e.csv", "  \n", "e.csv: the file is empty"),
        ("e.csv", "user,item\n", "no valid event is left"),
        ("e.csv", "user,item,rating\n1,2,x\n", "no valid event is left of 1 records"),
        ("e.csv", "who,item\n1,2\n", "no column for the user was found among who, item"),
        ("e.csv", "user,what\n1,2\n", "no column for the item was found among user, what"),
        ("e.csv", "user,item,item\n1,2,3\n", "column 'item' appears twice"),
        ("e.csv", 'user,item\n1,"2\n', "record 1: a quote is opened and not closed"),
        ("e.csv", "user,item\n1,caf\xe9\n".encode("latin-1"), "is not UTF-8 text (byte 15)"),
        ("e.csv", EVENTS.encode("utf-16"), "is UTF-16 text"),
        ("e.csv", "user,item,query\n1,,shoes\n", "the catalogue is empty"),
        ("e.csv.gz", gzip.compress(EVENTS.encode())[:-12], "the gzip file is damaged or cut off"),
        ("e.csv.gz", EVENTS, "the gzip file is damaged or cut off"),
        ("e.parquet", parquet(EVENTS)[:-20], "the Parquet file is damaged or cut off"),
        ("e.csv", "user,item,time\n1,2,1e300\n", "no valid event is left"),
        ("e.jsonl", "{}", "has no columns"),
        ("e.jsonl", "[1]\n2\n", "no line is a JSON object"),
        ("e.jsonl", '{"user": "1", "item": ["a"]}', "column 'item' has lists"),
    ],
)
def test_bad_events_give_one_line_and_leave_the_workspace(
    workspace: Workspace, put: Put, name: str, content: str | bytes, expected: str
) -> None:
    before = import_dataset(workspace, put("good.csv", EVENTS))
    with pytest.raises(PromptrecError) as caught:
        import_dataset(workspace, put(name, content))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert Dataset.load(workspace.dataset).hash == before.hash
    assert [path.name for path in workspace.root.iterdir()] == ["dataset"]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("id,title\n", "the catalogue is empty"),
        ("title\nBond\n", "no column for the id was found among title"),
        (ITEMS + "8,Eight and a half,1963,Drama\n", "id '8' appears twice with different content (records 2 and 4)"),
        ("id,title\nother,x\n", "no valid event is left"),
    ],
)
def test_bad_items(workspace: Workspace, put: Put, items: str, expected: str) -> None:
    with pytest.raises(PromptrecError) as caught:
        import_dataset(workspace, put("e.csv", EVENTS), put("i.csv", items))
    assert expected in str(caught.value)
    assert not workspace.root.exists()


def test_bad_paths_and_mappings(workspace: Workspace, put: Put, tmp_path: Path) -> None:
    events = put("e.csv", EVENTS)
    with pytest.raises(PromptrecError, match="there is no such file"):
        import_dataset(workspace, tmp_path / "nothing.csv")
    put("readme.md", "words")
    with pytest.raises(PromptrecError, match=r"is a folder with 'readme.md' in it, which is no data file"):
        import_dataset(workspace, tmp_path)
    with pytest.raises(PromptrecError, match=r"no column 'uid'.*the columns are user_id, item_id, rating, timestamp"):
        import_dataset(workspace, events, columns={"events": {"user": "uid"}})
    with pytest.raises(PromptrecError, match="events have no 'who'"):
        import_dataset(workspace, events, columns={"events": {"who": "user_id"}})
    with pytest.raises(PromptrecError, match="columns are mapped for 'items'"):
        import_dataset(workspace, events, columns={"items": {"id": "item_id"}})
    assert not workspace.root.exists()


def test_without_a_person_to_confirm_nothing_is_imported(
    workspace: Workspace, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(PromptrecError, match="accept with --yes"):
        import_dataset(workspace, put("e.csv", EVENTS), assume_yes=False)
    assert not workspace.root.exists()


def test_description(workspace: Workspace, put: Put) -> None:
    dataset = import_dataset(workspace, put("e.csv", EVENTS), put("i.csv", ITEMS))
    found = describe(dataset)
    assert json.loads(json.dumps(found)) == {
        "name": "imported",
        "events": 3,
        "people": 2,
        "items": 3,
        "kinds": {"rating": 3},
        "searches": 0,
        "events_a_person": {"median": 1.5, "largest": 2},
        "events_an_item": {"median": 1.5, "largest": 2},
        "density": 0.5,
        "first_time": 50.0,
        "last_time": 100.0,
        "top_tenth_share": pytest.approx(2 / 3),
        "half_of_events": 1,
        "cold_people": 2,
        "cold_items": 1,
        "attributes": ["year", "genres"],
        "text_coverage": {"title": 1.0},
        "languages": {"unknown": 1.0},
    }
    assert "time       1970-01-01 00:00+00:00 to 1970-01-01 00:01+00:00" in lines(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The story of a man and the sea", "en"),
        ("适合零基础的人工智能入门课", "zh"),
        ("ゼロから学ぶ人工知能", "ja"),
        ("Die Geschichte der Stadt und ein Mann", "de"),
        ("Война и мир", "ru"),
        ("Alien", "unknown"),
        ("", "unknown"),
    ],
)
def test_languages_by_script_and_small_words(text: str, expected: str) -> None:
    assert language(text) == expected


def test_items_alone_are_a_catalogue_but_replace_no_events(workspace: Workspace, put: Put) -> None:
    items = put("i.csv", ITEMS)
    for _ in range(2):
        dataset = import_dataset(workspace, items=items)
        assert (len(dataset.catalogue), len(dataset.events)) == (3, 0)
        assert dict(dataset.events.schema) == EVENT_COLUMNS
    import_dataset(workspace, put("e.csv", EVENTS), items)
    with pytest.raises(PromptrecError, match="no events are named"):
        import_dataset(workspace, items=items)
    assert len(Dataset.load(workspace.dataset).events) == 3
