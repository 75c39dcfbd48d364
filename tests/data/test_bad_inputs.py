"""Every row of the table of bad inputs, through the command line: one clear line, nothing lost, nothing changed."""

from __future__ import annotations

import hashlib
import re
import resource
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from data.bad_inputs import EVENTS, FINE, ITEMS, REFUSED, REJECTED, Files, Fine, Refused, Rejected
from promptrec.cli import main
from promptrec.data.dataset import Dataset
from promptrec.data.importing import import_dataset
from promptrec.workspace import Workspace, new_folder, read_json

PROGRAM = Path(sys.executable).with_name("promptrec")
MANY = "user,item,time\n" + "".join(f"{n * 7919 % 3001},{n * 104729 % 2003},{n}\n" for n in range(3000))
OPTIONS = {"e": "--events", "i": "--items", "u": "--users"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a dataset, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    for name, content in (("e.csv", EVENTS), ("i.csv", ITEMS)):
        (folder / name).write_text(content)
    import_dataset(Workspace(folder / "workspace"), folder / "e.csv", folder / "i.csv")
    return folder / "workspace"


@pytest.fixture
def place(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current folder, with a workspace in it; what a row writes goes again, since some of it is large."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "workspace")
    yield tmp_path
    shutil.rmtree(tmp_path)


def write(place: Path, files: Files) -> None:
    for name, content in files.items():
        path = place / name
        if callable(content):
            content(path)
        elif content is None:
            path.mkdir()
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def command(files: Files, arguments: str | None) -> list[str]:
    """What is typed after `promptrec`."""
    if arguments is None:
        given = [
            name for name in files if name[0] in "eium" and "/" not in name and "events.csv" != name != "items.csv"
        ]
        words = [word for name in given for word in ([OPTIONS[name[0]]] if name[0] in OPTIONS else []) + [name]]
    else:
        words = shlex.split(arguments)
    return ["data", "import", *words, "--yes"]


def run(words: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of the command line in this process."""
    monkeypatch.setattr("sys.argv", ["promptrec", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in folder.rglob("*")
    }


def test_the_table_has_at_least_sixty_bad_inputs_and_no_name_twice() -> None:
    names = [row.name for row in (*REFUSED, *REJECTED, *FINE)]
    assert len(set(names)) == len(names)
    assert len(REFUSED) + len(REJECTED) >= 60


@pytest.mark.parametrize("row", REFUSED, ids=[row.name for row in REFUSED])
def test_refused(
    row: Refused, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, row.files)
    before = contents(place / "workspace")
    assert run(command(row.files, row.arguments), monkeypatch) == 2
    out, err = capsys.readouterr()
    assert out == ""
    *notes, line, rest = err.split("\n")
    assert rest == ""
    assert re.fullmatch("promptrec: " + row.line, line), line
    assert len(line) < 500
    assert all(re.match("(events|items|users): ", note) for note in notes), notes
    assert contents(place / "workspace") == before
    assert not (place / "new").exists()


@pytest.mark.parametrize("row", REJECTED, ids=[row.name for row in REJECTED])
def test_rejected(row: Rejected, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, row.files)
    assert run(command(row.files, row.arguments), monkeypatch) == 0
    dataset = place / "workspace" / "dataset"
    report = read_json(dataset / "cleaning.json", "report")
    kept = report["rejected"].values()
    for total in report["files"].values():
        assert total["read"] == total["kept"] + total["rejected"]
        assert total["kept"]
    found = pl.read_parquet(dataset / "rejected.parquet")
    assert sorted(found.rows(), key=str) == sorted(row.records, key=str)
    first = [tuple(example.values()) for entry in kept for example in entry["first"]]
    assert sorted(first, key=str) == sorted(row.records, key=str)[: len(first)] or len(first) < len(row.records)
    assert sum(entry["count"] for entry in kept) == len(row.records)


@pytest.mark.parametrize("row", FINE, ids=[row.name for row in FINE])
def test_fine(row: Fine, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, row.files)
    assert run(command(row.files, row.arguments), monkeypatch) == 0
    dataset = Dataset.load(place / "workspace" / "dataset")
    assert dataset.events.select("user", "item").rows() == row.events
    if row.items is not None:
        assert dataset.items.row(0) == row.items
    assert pl.read_parquet(place / "workspace" / "dataset" / "rejected.parquet").is_empty()


@pytest.mark.parametrize("kib", [0, 1, 2, 4, 6])
def test_a_full_disk(
    kib: int, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that may not grow further is refused like one on a full disk; which file that is depends on the limit."""
    write(place, {"e.csv": MANY + "short\n" * 500})
    before = contents(place / "workspace")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (kib << 10, hard))
    try:
        assert run(["data", "import", "--events", "e.csv", "--yes"], monkeypatch) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.fullmatch(
        r"promptrec: (workspace/dataset:|\w+\.parquet) cannot be written \(.*\); is the disk full\?", line
    )
    assert contents(place / "workspace") == before


def test_as_processes(place: Path) -> None:
    """What a shell sees: the exit status, one line, and a workspace that is as it was."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    write(place, {"u16.csv": EVENTS.encode("utf-16"), "e.csv": MANY})
    before = contents(place / "workspace")
    for words, expected in (
        (["--events", "u16.csv"], "promptrec: u16.csv: is UTF-16 text; save it as UTF-8"),
        (["--events", "e.csv"], "is the disk full?"),
    ):
        done = subprocess.run([PROGRAM, "data", "import", *words, "--yes"], capture_output=True, text=True,
                              preexec_fn=limited, check=False)  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        *_, line = done.stderr.splitlines()
        assert line.startswith("promptrec: ")
        assert expected in line
        assert contents(place / "workspace") == before


def test_what_a_person_is_shown(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    records = "u,7,5,1\nu,8,four,2\nu,7\nu,9,five,2\nu,99,2,3\nv,8,1,4\nv,7,4,4\n"
    write(place, {"e.csv": "user,item,rating,time\n" + records, "i.csv": "id,title\n7,Bond\n8,\n9,Nine\n"})
    assert run(["data", "import", "--events", "e.csv", "--items", "i.csv", "--yes"], monkeypatch) == 0
    out, err = capsys.readouterr()
    assert err.splitlines()[2:] == [
        "1 rejected: e.csv, record 3: 2 fields where the header has 4",
        "2 rejected, the first: e.csv, record 2: value is not a finite number: 'four'",
        "1 rejected: e.csv, record 5: item is not in the items file: '99'",
        "without a value: i.csv, title: 1",
    ]
    assert out.splitlines() == [
        "items: 3 of 3 records kept",
        "events: 3 of 7 records kept",
        "what was left out and why: workspace/dataset/cleaning.html",
    ]


def test_options_that_do_not_exist(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in ((["--event", "e.csv"], "No such option"), (["--events"], "requires an argument")):
        assert run(["data", "import", *words], monkeypatch) == 2
        assert expected in capsys.readouterr().err


def test_what_a_kill_left_behind_goes_with_the_next_import(place: Path) -> None:
    write(place, {"e.csv": EVENTS})
    left = place / "workspace" / ".dataset.unfinished-killed"
    left.mkdir()
    (left / "events.parquet").write_bytes(b"half")
    mine = place / "workspace" / ".dataset.backup"
    mine.mkdir()
    workspace = Workspace(place / "workspace")
    with new_folder(workspace.dataset) as running:
        assert not left.exists()
        (running / "events.parquet").write_bytes(b"half")
        import_dataset(workspace, place / "e.csv")
        assert (running / "events.parquet").read_bytes() == b"half"
        import_dataset(workspace, place / "e.csv")
        shutil.copytree(workspace.dataset, running, dirs_exist_ok=True)
    assert sorted(path.name for path in workspace.root.iterdir()) == [".dataset.backup", "dataset"]
    assert len(Dataset.load(workspace.dataset).events) == 2
