"""The table of bad inputs: what is on disk, what is asked, and what a person is told or what becomes of it.

A file whose name begins with e, i, u or m is given as --events, --items, --users or as the mapping, unless the row has
arguments of its own. A file whose content is a function is made by it at its path; None makes a folder.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

Content = str | bytes | None | Callable[[Path], None]
Files = dict[str, Content]

EVENTS = "user,item,rating,time\nann,007,5,100\nbob,8,3,50\n"
ITEMS = "id,title\n007,Bond\n8,Otto e mezzo\n"
LONG = "x" * 10_000


class Refused(NamedTuple):
    """Nothing is imported; `line` is a regular expression of all that follows `promptrec: `."""

    name: str
    files: Files
    line: str
    arguments: str | None = None


class Rejected(NamedTuple):
    """The rest is imported; `records` are (file, record, column, value, reason, raw text) of what is not."""

    name: str
    files: Files
    records: list[tuple[str, int, str | None, str | None, str, str]]
    arguments: str | None = None


class Fine(NamedTuple):
    """All of it is imported; `events` are (user, item), `items` the values of the first item."""

    name: str
    files: Files
    events: list[tuple[str, str]]
    items: tuple[Any, ...] | None = None
    arguments: str | None = None


def events(*records: str, header: str = "user,item,rating,time") -> str:
    """One good event and then these records."""
    return "\n".join([header, "ann,007,5,100", *records]) + "\n"


def mapping(text: str) -> Files:
    return {"m.toml": text, "events.csv": EVENTS, "items.csv": ITEMS}


def parquet(columns: Any) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out)
    return out.getvalue()


def damaged(columns: Any) -> bytes:
    """A Parquet file whose footer is whole and whose pages are not."""
    whole = parquet(columns)
    return whole[:4] + bytes(len(whole) // 4) + whole[4 + len(whole) // 4 :]


def workbook() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return out.getvalue()


def mib(before: str, character: str, after: str = "") -> Callable[[Path], None]:
    """100 MiB of one character between two texts."""

    def write(path: Path) -> None:
        with path.open("wb") as out:
            out.write(before.encode())
            for _ in range(100):
                out.write(character.encode() * (1 << 20))
            out.write(after.encode())

    return write


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path.name)


TWO = {"user": ["ann", "bob"], "item": ["007", "8"]}
ENCODED = r"e\.csv: line 3 is not UTF-8 text \(byte {0}\); save it as UTF-8"
NO_EVENT = r"e\.csv: no valid event is left of {0} records? \({1}\)"

REFUSED = [
    # encodings
    Refused("Latin-1", {"e.csv": "user,item\nann,1\nann,café\n".encode("latin-1")}, ENCODED.format(23)),
    Refused("GBK", {"e.csv": "user,item\nann,1\n张三,手机\n".encode("gbk")}, ENCODED.format(16)),
    Refused("GBK in gzip", {"e.csv.gz": gzip.compress("user,item\nann,1\n张三,手机\n".encode("gbk"))},
            ENCODED.replace("csv", r"csv\.gz").format(16)),
    Refused("Latin-1 in JSON lines", {"e.jsonl": '{"user": "é"}\n'.encode("latin-1")},
            r"e\.jsonl: line 1 is not UTF-8 text \(byte 10\); save it as UTF-8"),
    Refused("UTF-16 with a byte-order mark", {"e.csv": EVENTS.encode("utf-16")},
            r"e\.csv: is UTF-16 text; save it as UTF-8"),
    Refused("UTF-16 without", {"e.csv": EVENTS.encode("utf-16-le")}, r"e\.csv: is UTF-16 text; save it as UTF-8"),
    Refused("UTF-16 in JSON lines", {"e.jsonl": '{"user": 1}\n'.encode("utf-16")},
            r"e\.jsonl: is UTF-16 text; save it as UTF-8"),
    Refused("a mapping in Latin-1", mapping("") | {"m.toml": 'name = "é"\n'.encode("latin-1")},
            r"m\.toml: is not UTF-8 text; save it as UTF-8"),
    # not the file that it is said to be
    Refused("no such file", {"there.csv": EVENTS}, r"nowhere\.csv: there is no such file; check the path",
            "--events nowhere.csv"),
    Refused("a link to itself", {"e.csv": loop}, r"e\.csv: there is no such file; check the path"),
    Refused("a path that is too long", {}, r"x+…x+\.csv: cannot be read \(File name too long\); check the path",
            f"--events {LONG}.csv"),
    Refused("a name that is not UTF-8", {"e\udcff.csv": EVENTS}, r"'e\\udcff\.csv': its name is not UTF-8; rename it"),
    Refused("an empty file", {"e.csv": ""}, r"e\.csv: the file is empty; expected a header and at least one record"),
    Refused("an empty gzip file", {"e.csv.gz": gzip.compress(b"")}, r"e\.csv\.gz: the file is empty; .*"),
    Refused("an empty Parquet file", {"e.parquet": b""}, r"e\.parquet: the file is empty; .*"),
    Refused("an empty JSON lines file", {"e.jsonl": "\n\n"}, r"e\.jsonl: the file is empty; .*"),
    Refused("a header alone", {"e.csv": "user,item\n"}, NO_EVENT.format(0, "there are no records")),
    Refused("an empty folder", {"e": None}, r"e: is a folder without files; name a file or a folder that has some"),
    Refused("a folder with a folder", {"e": None, "e/in": None}, r"e: is a folder with 'in' in it, which is no .*"),
    Refused("a folder of unlike files", {"e": None, "e/1.csv": EVENTS, "e/2.csv": "user,item\nann,8\n"},
            r"e/2\.csv: its columns \(user, item\) are not those of 1\.csv \(user, item, rating, time\); .*"),
    Refused("a folder as mapping", {"m.toml": None}, r"m\.toml: cannot be read \(Is a directory\)"),
    Refused("a pipe", {"e.csv": pipe}, r"e\.csv: is no regular file, and it is read more than once; save it .*"),
    Refused("a gzip file that is cut off", {"e.csv.gz": gzip.compress(EVENTS.encode() * 99)[:-9]},
            r"e\.csv\.gz: the gzip file is damaged or cut off \(.*\); get it again"),
    Refused("text that is called gzip", {"e.csv.gz": EVENTS},
            r"e\.csv\.gz: the gzip file is damaged or cut off \(Not a gzipped file \(b'us'\)\); get it again"),
    Refused("a Parquet file that is cut off", {"e.parquet": parquet(TWO)[:-20]},
            r"e\.parquet: the Parquet file is damaged or cut off \(.*\); get it again"),
    Refused("a Parquet file with lost pages", {"e.parquet": damaged({"user": range(5000), "item": range(5000)})},
            r"e\.parquet: the Parquet file is damaged or cut off \(.*\); get it again"),
    Refused("text that is called Parquet", {"e.parquet": EVENTS}, r"e\.parquet: the Parquet file is damaged .*"),
    Refused("Parquet that is called CSV", {"e.csv": parquet(TWO)},
            r"e\.csv: is a Parquet file; give its name the ending \.parquet"),
    Refused("a workbook that is called CSV", {"e.csv": workbook()},
            r"e\.csv: is a ZIP archive or an Excel workbook; unpack it, or save it as CSV"),
    Refused("a picture that is called CSV", {"e.csv": b"\x89PNG\r\n\x1a\n" + bytes(99)}, r"e\.csv: line 1 is not .*"),
    Refused("a JSON array", {"e.json": json.dumps([{"user": 1, "item": 2}])},
            r"e\.json: is one JSON array; expected one object a line \(jq -c '\.\[\]' makes that\)"),
    Refused("no line is an object", {"e.jsonl": "1\nnull\n"},
            r"e\.jsonl: no line is a JSON object; expected one object a line"),
    Refused("one object over many lines", {"e.json": json.dumps({"user": 1, "item": 2}, indent=1)},
            r"e\.json: no line is a JSON object; expected one object a line"),
    Refused("lines that end in carriage returns", {"e.csv": EVENTS.replace("\n", "\r")},
            r"e\.csv: its lines end in carriage returns alone; save it with line feeds"),
    Refused("a line of 100 MB", {"e.csv": mib(EVENTS + "ann,", "8")},
            r"e\.csv: record 3 is longer than 64 MiB; mend or remove it, or a quote before it is open"),
    Refused("a quote that is open for 100 MB", {"e.csv": mib(EVENTS + 'ann,"', "8,\n")}, r"e\.csv: record 3 is .*"),
    Refused("a header of 100 MB", {"e.csv": mib("user,item", ",")},
            r"e\.csv: the header is longer than 64 MiB; the first line must have the names of the columns"),
    Refused("a JSON line of 100 MB", {"e.jsonl": mib('{"user": 1, "item": 2}\n{"user": "', "8", '"}\n')},
            r"e\.jsonl: record 2 is longer than 64 MiB; .*"),
    # headers and columns
    Refused("no user", {"e.csv": "who,item\nann,8\n"},
            r"e\.csv: no column for the user was found among who, item; .* for example --column events\.user=who"),
    Refused("no header", {"e.csv": "ann,8,5\nbob,8,5\n"},
            r"e\.csv: no column for the user was found among ann, 8, 5; .* first line must have the names .*"),
    Refused("no id", {"e.csv": EVENTS, "i.csv": "title\nBond\n"}, r"i\.csv: no column for the id .* among title; .*"),
    Refused("a thousand columns", {"e.csv": ",".join(f"c{n}" for n in range(1000)) + "\n"},
            r"e\.csv: no column for the user was found among c0, .{0,200} and \d+ more; .*"),
    Refused("a column twice", {"e.csv": "user,item,item\nann,8,9\n"},
            r"e\.csv: column 'item' appears twice in the header; rename one"),
    Refused("a list as item", {"e.jsonl": '{"user": 1, "item": ["a", "b"]}\n'},
            r"e\.jsonl: column 'item' has lists; the item needs one value a record"),
    Refused("a list as id", {"e.csv": EVENTS, "i.jsonl": '{"id": ["a"]}\n'},
            r"i\.jsonl: column 'id' has lists; the id needs one value a record"),
    Refused("bytes in Parquet", {"e.csv": EVENTS, "i.parquet": parquet({"id": ["8"], "logo": [b"\x01\xff"]})},
            r"i\.parquet: column 'logo' is Binary; expected text, numbers, times or lists of them; convert it, .*"),
    Refused("a header that is no CSV", {"e.csv": "user,item," + LONG * 20 + "\nann,8,x\n"},
            r"e\.csv: the header cannot be read \(field larger than field limit \(131072\)\); name the columns there"),
    # contents
    Refused("no valid event", {"e.csv": "user,item,time\nann,8,1e300\nann,8,noon\n,8,1\n"},
            NO_EVENT.format(3, r"first: e\.csv, record 1: time is neither .*: '1e300'")),
    Refused("no event on a known item", {"e.csv": EVENTS, "i.csv": "id,title\n7,Bond\n"},
            NO_EVENT.format(2, r"first: e\.csv, record 1: item is not in the items file: '007'")),
    Refused("two texts of one item", {"e.csv": EVENTS, "i.csv": ITEMS + "8,Eight and a half\n"},
            r"i\.csv: id '8' appears twice with different content \(records 2 and 3\); keep one of them"),
    Refused("two texts of one item with a long id", {"e.csv": EVENTS, "i.csv": f"id,title\n{LONG},a\n{LONG},b\n"},
            r"i\.csv: id 'x{10,60}….*' appears twice .{1,80}"),
    Refused("only searches", {"e.csv": "user,item,query\nann,,shoes\n"},
            r"the catalogue is empty: no event has an item; give an items file"),
    Refused("items without a record", {"e.csv": EVENTS, "i.csv": "id,title\n"},
            r"i\.csv: the catalogue is empty; expected at least one record with an id .*"),
    Refused("users without an id", {"e.csv": EVENTS, "u.csv": "id,age\n,30\n"},
            r"u\.csv: there are no users; expected .* \(first: u\.csv, record 1: missing id\)"),
    # the mapping
    Refused("a key that there is not", mapping('[events]\nfile = "events.csv"\nusr = "user"\n'),
            r"m\.toml: events\.usr: there is no such key; the keys here are file, user, item, .*"),
    Refused("a section that there is not", mapping('[event]\nfile = "events.csv"\n'),
            r"m\.toml: event: there is no such key; the keys here are name, source, events, .*"),
    Refused("a value of the wrong kind", mapping('[cleaning]\nmost_events_a_user = "many"\n'),
            r"m\.toml: cleaning\.most_events_a_user: should be an integer; found 'many'"),
    Refused("a value out of range", mapping("[cleaning]\nfewest_events_a_user = 0\n"),
            r"m\.toml: cleaning\.fewest_events_a_user: should be greater than or equal to 1; found 0"),
    Refused("a weight that is no number", mapping("[events.weights]\nbuy = nan\n"),
            r"m\.toml: events\.weights\.buy: should be .*; found nan"),
    Refused("a word that there is not", mapping('[events]\nrepeated = "none"\n'),
            r"m\.toml: events\.repeated: should be 'all', 'first' or 'last'; found 'none'"),
    Refused("a mapping that is not there", {}, r"m\.toml: there is no such mapping file; .*", "m.toml"),
    Refused("a mapping without events", mapping('[items]\nfile = "items.csv"\n'),
            r"no events are named; give a mapping with `file` under \[events\], or --events FILE"),
    Refused("a file of the mapping that is not there", mapping('source = "ask Ann"\n[events]\nfile = "e2.csv"\n'),
            r"e2\.csv: there is no such file; .*ask Ann.*"),
    Refused("a variable that is not set", mapping('[events]\nfile = "${NO_SUCH_FOLDER}/e.csv"\n'),
            r"m\.toml: events\.file: the environment variable NO_SUCH_FOLDER is not set; set it to the folder .*"),
    Refused("a column that there is not", mapping('[events]\nfile = "events.csv"\nuser = "uid"\n'),
            r"events\.csv: there is no column 'uid' \(mapped to 'user'\); the columns are user, item, rating, time"),
    Refused("no TOML", mapping("[events\n"), r"m\.toml: is not valid TOML \(.*line 1.*\).*"),
    Refused("data as mapping", {"m.csv": EVENTS}, r"m\.csv: is not valid TOML \(.*\); a file of events goes after "
            r"--events"),
    Refused("a median of words", mapping('[events]\nfile = "events.csv"\n[items]\nfile = "items.csv"\n'
            'missing = { title = "median" }\n') | {"items.csv": ITEMS + "9,\n"},
            r"items\.csv, title: missing = 'median' needs numbers, and the column has text; use another rule"),
    # options
    Refused("nothing", {}, r"no events are named; give a mapping with `file` under \[events\], or --events FILE", ""),
    Refused("a column without its kind", {"e.csv": EVENTS},
            r"--column: expected events\.ROLE=COLUMN, items\.… or users\.…, found 'user=uid'",
            "--events e.csv --column user=uid"),
    Refused("a role that there is not", {"e.csv": EVENTS},
            r"e\.csv: events have no 'who'; they have user, item, .*", "--events e.csv --column events.who=user"),
    Refused("one column for two roles", {"e.csv": EVENTS}, r"e\.csv: column 'user' is mapped to 'user' and 'item'; .*",
            "--events e.csv --column events.user=user --column events.item=user"),
    Refused("two columns for one role", {"e.csv": EVENTS}, r"--column: events\.user is given twice; give it once",
            "--events e.csv --column events.user=user --column events.user=item"),
    Refused("columns of no file", {"e.csv": EVENTS}, r"columns are mapped for 'items'; the files given are events",
            "--events e.csv --column items.id=item"),
    Refused("a workspace that is a file", {"e.csv": EVENTS, "ws": "words"},
            r"ws/dataset: cannot be written \(.*\); .*", "--events e.csv -w ws"),
    Refused("a workspace in a file", {"e.csv": EVENTS, "ws": "words"},
            r"ws/in/dataset: cannot be written \(Not a directory\); .*", "--events e.csv -w ws/in"),
    Refused("nothing to add to", {"e.csv": EVENTS}, r"new/dataset: there is no dataset here; .*",
            "--events e.csv --append -w new"),
]  # fmt: skip

TIME = "time is neither epoch seconds nor ISO 8601"
QUOTE = "a quote is opened and not closed, or text follows where it closes"
NUMBER = "value is not a finite number"

REJECTED = [
    Rejected("short records", {"e.csv": events("ann,8", "bob")}, [
        ("e.csv", 2, None, None, "2 fields where the header has 4", "ann,8"),
        ("e.csv", 3, None, None, "1 field where the header has 4", "bob"),
    ]),
    Rejected("long records", {"e.csv": events("ann,8,5,1,", "ann,8,5,1,x,y")}, [
        ("e.csv", 2, None, None, "5 fields where the header has 4", "ann,8,5,1,"),
        ("e.csv", 3, None, None, "6 fields where the header has 4", "ann,8,5,1,x,y"),
    ]),
    Rejected("a quote that nothing closes", {"e.csv": events('ann,"8,5,1', "bob,8,5,1")},
             [("e.csv", 2, None, None, QUOTE, 'ann,"8,5,1')]),
    Rejected("text after a quote", {"e.csv": events('ann,"8"x,5,1')},
             [("e.csv", 2, None, None, QUOTE, 'ann,"8"x,5,1')]),
    Rejected("an open quote and a very long field", {"e.csv": events(f"{LONG * 20},8,5,1", 'ann,"8,5,1')},
             [("e.csv", 3, None, None, QUOTE, 'ann,"8,5,1')]),
    Rejected("an open quote and a carriage return", {"e.csv": events("a\rb,8,5,1", 'ann,"8,5,1', "bob,8,5,1")},
             [("e.csv", 3, None, None, QUOTE, 'ann,"8,5,1')]),
    Rejected("a tail of zero bytes", {"e.csv": events() + "\0" * 5},
             [("e.csv", 2, None, None, "1 field where the header has 4", "\0" * 5)]),
    Rejected("words among numbers", {"e.csv": events("ann,8,good,1", "ann,8,1_000,1", 'ann,8,"3,5",1')}, [
        ("e.csv", 2, "rating", "good", NUMBER, "ann,8,good,1"),
        ("e.csv", 3, "rating", "1_000", NUMBER, "ann,8,1_000,1"),
        ("e.csv", 4, "rating", "3,5", NUMBER, 'ann,8,"3,5",1'),
    ]),
    Rejected("NaN and infinities", {"e.csv": events("ann,8,NaN,1", "ann,8,-inf,1", "ann,8,1e999,1")}, [
        ("e.csv", 2, "rating", "NaN", NUMBER, "ann,8,NaN,1"),
        ("e.csv", 3, "rating", "-inf", NUMBER, "ann,8,-inf,1"),
        ("e.csv", 4, "rating", "1e999", NUMBER, "ann,8,1e999,1"),
    ]),
    Rejected("a weight below 0", {"e.csv": "user,item,weight\nann,8,1\nann,9,-1\n"},
             [("e.csv", 2, "weight", "-1", "weight is below 0", "ann,9,-1")]),
    Rejected("NaN in JSON lines", {"e.jsonl": '{"user": 1, "item": 2}\n{"user": 1, "item": 2, "value": NaN}\n'},
             [("e.jsonl", 2, "value", "NaN", NUMBER, '{"user": 1, "item": 2, "value": NaN}')]),
    Rejected("an infinity in Parquet", {"e.parquet": parquet({**TWO, "value": [1.0, float("inf")]})},
             [("e.parquet", 2, "value", "inf", NUMBER, '{"user":"bob","item":"8","value":null}')]),
    Rejected("NaN as a person in Parquet", {"e.parquet": parquet({"user": [1.0, float("nan")], "item": ["a", "b"]})},
             [("e.parquet", 2, "user", None, "missing user", '{"user":null,"item":"b"}')]),
    Rejected("mixed times", {"e.csv": events("ann,8,5,noon", "ann,8,5,05/01/2024", "ann,8,5,2024-13-01",
                                             "ann,8,5,inf", "ann,8,5,1e15", "ann,8,5,9999-12-31")}, [
        ("e.csv", 2, "time", "noon", TIME, "ann,8,5,noon"),
        ("e.csv", 3, "time", "05/01/2024", TIME, "ann,8,5,05/01/2024"),
        ("e.csv", 4, "time", "2024-13-01", TIME, "ann,8,5,2024-13-01"),
        ("e.csv", 5, "time", "inf", TIME, "ann,8,5,inf"),
        ("e.csv", 6, "time", "1e15", TIME, "ann,8,5,1e15"),
        ("e.csv", 7, "time", "9999-12-31", TIME, "ann,8,5,9999-12-31"),
    ]),
    Rejected("seconds among milliseconds",
             {"e.csv": "user,item,time\nann,8,1700000000000\nann,9,1700000001000\nbob,8,1700000000\n"},
             [("e.csv", 3, "time", "1700000000", TIME, "bob,8,1700000000")]),
    Rejected("milliseconds among seconds",
             {"e.csv": "user,item,time\nann,8,1700000000\nann,9,1700000001\nbob,8,1700000000000\n"},
             [("e.csv", 3, "time", "1700000000000", TIME, "bob,8,1700000000000")]),
    Rejected("nobody and nothing", {"e.csv": events(",8,5,1", " ,8,5,1", "ann,,5,1", '"",8,5,1')}, [
        ("e.csv", 2, "user", None, "missing user", ",8,5,1"),
        ("e.csv", 3, "user", " ", "missing user", " ,8,5,1"),
        ("e.csv", 4, "item", None, "missing item", "ann,,5,1"),
        ("e.csv", 5, "user", None, "missing user", '"",8,5,1'),
    ]),
    Rejected("ids with spaces are other ids", {"e.csv": events("ann, 8,5,1"), "i.csv": ITEMS},
             [("e.csv", 2, "item", " 8", "item is not in the items file", "ann, 8,5,1")]),
    Rejected("ids without their zeros are other ids", {"e.csv": events("ann,7,5,1"), "i.csv": ITEMS},
             [("e.csv", 2, "item", "7", "item is not in the items file", "ann,7,5,1")]),
    Rejected("ids that Parquet made to decimals", {"e.parquet": parquet({"user": ["a", "a"], "item": ["8", "8.0"]}),
                                                   "i.csv": ITEMS},
             [("e.parquet", 2, "item", "8.0", "item is not in the items file", '{"user":"a","item":"8.0"}')]),
    Rejected("an item twice in the same words", {"e.csv": EVENTS, "i.csv": ITEMS + "8,Otto e mezzo\n"},
             [("i.csv", 3, None, None, "exact duplicate", "8,Otto e mezzo")]),
    Rejected("an item without an id", {"e.csv": EVENTS, "i.csv": ITEMS + ",Nobody\n  ,Nothing\n"}, [
        ("i.csv", 3, "id", None, "missing id", ",Nobody"),
        ("i.csv", 4, "id", "  ", "missing id", "  ,Nothing"),
    ]),
    Rejected("JSON lines that are no objects",
             {"e.jsonl": '[1]\n{"user": 1, "item": 2}\n{"user": 1,\n"ann"\n{"a": ' + "[" * 99_999 + "\n"}, [
        ("e.jsonl", 1, None, None, "not a JSON object", "[1]"),
        ("e.jsonl", 3, None, None, "not a JSON object", '{"user": 1,'),
        ("e.jsonl", 4, None, None, "not a JSON object", '"ann"'),
        ("e.jsonl", 5, None, None, "not a JSON object", '{"a": ' + "[" * 99_999),
    ]),
    Rejected("a line separator of Unicode in what is rejected",
             {"e.parquet": parquet({"user": ["ann", None, None], "item": ["8", "a\u2028b", "c\x85d"]})}, [
        ("e.parquet", 2, "user", None, "missing user", '{"user":null,"item":"a\u2028b"}'),
        ("e.parquet", 3, "user", None, "missing user", '{"user":null,"item":"c\x85d"}'),
    ]),
    Rejected("a line separator of Unicode in CSV", {"e.csv": events(",a\u2028b,5,1", "x\x85,a\x0bb")}, [
        ("e.csv", 2, "user", None, "missing user", ",a\u2028b,5,1"),
        ("e.csv", 3, None, None, "2 fields where the header has 4", "x\x85,a\x0bb"),
    ]),
    Rejected("quotes in a RecBole file are letters", {"e.inter": "user_id:token\titem_id:token\na\t\"8\nb\n"},
             [("e.inter", 2, None, None, "1 field where the header has 2", "b")]),
]  # fmt: skip

PAIRS = [("ann", "007"), ("bob", "8")]

FINE = [
    Fine("a byte-order mark", {"e.csv": "\ufeff" + EVENTS, "i.csv": "\ufeff" + ITEMS}, PAIRS, ("007", "Bond")),
    Fine("a byte-order mark in gzip", {"e.csv.gz": gzip.compress(("\ufeff" + EVENTS).encode())}, PAIRS),
    Fine("a byte-order mark and quotes", {"e.csv": '\ufeff"user","item"\n"ann","007"\n"bob","8"\n'}, PAIRS),
    Fine("a byte-order mark in JSON lines", {"e.jsonl": '\ufeff{"user": "ann", "item": "007"}\n'}, PAIRS[:1]),
    Fine("a byte-order mark in a mapping", mapping('\ufeff[events]\nfile = "events.csv"\n'), PAIRS),
    Fine("gzip that is not called so", {"e.csv": gzip.compress(EVENTS.encode())}, PAIRS),
    Fine("Windows line ends and no last one", {"e.csv": EVENTS.replace("\n", "\r\n")[:-2]}, PAIRS),
    Fine("mixed line ends", {"e.csv": "user,item\nann,007\r\nbob,8\n"}, PAIRS),
    Fine("embedded newlines and quotes", {"e.csv": EVENTS, "i.csv": 'id,title\n007,"Bond,\n""James"" Bond\r\n"\n8,x\n'},
         PAIRS, ("007", 'Bond,\n"James" Bond\r\n')),
    Fine("a quote inside a word", {"e.csv": EVENTS, "i.csv": 'id,title\n007,7" single\n8,x\n'}, PAIRS,
         ("007", '7" single')),
    Fine("a name of two lines in the header", {"e.csv": '"user","item","the\nnote"\nann,007,x\nbob,8,y\n'}, PAIRS),
    Fine("a column without a name", {"e.csv": ",user,item\n0,ann,007\n1,bob,8\n", "i.csv": ",id\n5,007\n6,8\n"}, PAIRS,
         ("007", 5)),
    Fine("mixed types in one column", {"e.csv": EVENTS, "i.csv": "id,size\n007,XL\n8,42\n"}, PAIRS, ("007", "XL")),
    Fine("mixed types in JSON lines",
         {"e.csv": EVENTS, "i.jsonl": '{"id": "007", "tags": "a"}\n{"id": 8, "tags": ["b", 1, null]}\n'}, PAIRS,
         ("007", ["a"])),
    Fine("mixed types in the files of a folder",
         {"e.csv": EVENTS, "i": None, "i/1.parquet": parquet({"id": ["007"], "size": ["XL"]}),
          "i/2.parquet": parquet({"id": [8], "size": [42]})}, PAIRS, ("007", "XL")),
    Fine("NaN and infinities of an item are no numbers",
         {"e.csv": EVENTS, "i.parquet": parquet({"id": ["007", "8"], "size": [float("nan"), 1.0]})}, PAIRS,
         ("007", None)),
    Fine("NaN of Parquet is no value",
         {"e.parquet": parquet({**TWO, "value": [1.0, float("nan")]})}, PAIRS),
    Fine("dates before 1970 and after 2100",
         {"e.csv": "user,item,time\nann,007,1912-04-15T02:20:00Z\nann,8,-1.5\nann,9,2130-01-01\n"},
         [("ann", "007"), ("ann", "8"), ("ann", "9")]),
    Fine("dates of Parquet",
         {"e.parquet": parquet({**TWO, "time": [date(1912, 4, 15), date(2130, 1, 1)]})}, PAIRS),
    Fine("ids with spaces", {"e.csv": "user,item\n a b ,x  y\n"}, [(" a b ", "x  y")]),
    Fine("ids of emoji", {"e.csv": "user,item\n👩‍🚀,🎬🍿\n"}, [("👩‍🚀", "🎬🍿")]),
    Fine("ids with leading zeros", {"e.csv": "user,item\n0042,007\n42,7\n"}, [("0042", "007"), ("42", "7")]),
    Fine("ids that look like nothing", {"e.csv": "user,item\nNA,null\nNone,nan\n"}, [("NA", "null"), ("None", "nan")]),
    Fine("ids that look like numbers", {"e.csv": "user,item\n1e5,1.0\n-0,+1\n"}, [("1e5", "1.0"), ("-0", "+1")]),
    Fine("numbers as ids in JSON lines", {"e.jsonl": '{"user": 12345678901234567890, "item": true}\n'},
         [("12345678901234567890", "true")]),
    Fine("ids of 10,000 characters", {"e.csv": f"user,item\n{LONG},{LONG}\n", "i.csv": f"id,title\n{LONG},a\n"},
         [(LONG, LONG)], (LONG, "a")),
    Fine("a field of a million characters",
         {"e.csv": EVENTS, "i.csv": f'id,title\n007,7" {LONG * 100}\n8,x\n'}, PAIRS, ("007", f'7" {LONG * 100}')),
    Fine("right-to-left words and a zero byte", {"e.csv": "user,item\nאבג,a\0b\n"}, [("אבג", "a\0b")]),
    Fine("events with no item file", {"e.csv": EVENTS}, PAIRS, ("007",)),
    Fine("blank lines", {"e.csv": "\n\n" + EVENTS.replace("\n", "\n\n") + "\n\n"}, PAIRS),
    Fine("durations and decimals of Parquet", {"e.csv": EVENTS, "i.parquet": parquet({
        "id": ["007", "8"], "size": pl.Series(["1.50", None]).cast(pl.Decimal(10, 2)),
        "long": [timedelta(hours=2), None],
    })}, PAIRS, ("007", 1.5, 7200.0)),
]  # fmt: skip
