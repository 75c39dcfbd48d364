from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from promptrec.data.dataset import Dataset
from promptrec.data.importing import import_dataset
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace, read_json

Put = Callable[[str, str | bytes], Path]
FIRST = "user,item,time,tag\nu,a,1,x\nu,b,3,x\nv,a,5,x\n"
ITEMS = "id,title,year\na,A,1990\nb,B,\n"


def test_append_adds_new_events_between_the_old_ones(workspace: Workspace, put: Put) -> None:
    import_dataset(workspace, put("e.csv", FIRST), put("i.csv", ITEMS))
    (workspace.dataset / "vectors.safetensors").write_bytes(b"vectors")
    more = "user,item,time,tag\nu,a,2,x\nw,c,1,x\nu,b,3,y\nv,b,,x\nv,nowhere,2,x\n"
    made = import_dataset(
        workspace, put("e2.csv", more), put("i2.csv", "id,title,year\nc,C,n/a\na,Other,1\n"), append=True
    )
    assert made.events.select("user", "item", "time").rows() == [
        ("u", "a", 1.0), ("u", "a", 2.0), ("u", "b", 3.0), ("v", "b", None), ("v", "a", 5.0), ("w", "c", 1.0),
    ]  # fmt: skip
    assert made.items.rows() == [("a", "A", "1990"), ("b", "B", None), ("c", "C", "n/a")]
    report = read_json(workspace.dataset / "cleaning.json", "report")
    assert report["files"] == {
        "items": {"read": 2, "kept": 1, "rejected": 1},
        "events": {"read": 5, "kept": 3, "rejected": 2},
    }
    assert {reason: found["count"] for reason, found in report["rejected"].items()} == {
        "already in the dataset": 2,
        "item is not in the items file": 1,
    }
    assert (workspace.dataset / "vectors.safetensors").read_bytes() == b"vectors"
    assert [step["records"]["events"]["kept"] for step in made.manifest["imports"]] == [3, 3]


def test_append_of_the_same_file_adds_nothing_and_keeps_what_was_rejected_before(
    workspace: Workspace, put: Put
) -> None:
    before = import_dataset(workspace, put("e.csv", FIRST + "u,a\n"))
    again = import_dataset(workspace, put("f.csv", FIRST), append=True)
    assert_frame_equal(again.events, before.events)
    rejected = pl.read_parquet(workspace.dataset / "rejected.parquet")
    assert rejected["file"].to_list() == ["f.csv", "f.csv", "f.csv", "e.csv"]


def test_append_needs_a_dataset_and_values_that_do_not_depend_on_each_other(workspace: Workspace, put: Put) -> None:
    events = put("e.csv", "user,item,value\nu,a,1\nu,b,3\n")
    with pytest.raises(PromptrecError, match="there is no dataset here"):
        import_dataset(workspace, events, append=True)
    import_dataset(workspace, events)
    mapping = put("m.toml", '[events]\nfile = "e.csv"\nnormalise = "range"\n')
    with pytest.raises(PromptrecError, match="import all files without --append"):
        import_dataset(workspace, mapping=mapping, append=True)


def test_a_kill_midway_leaves_the_old_dataset(workspace: Workspace, put: Put) -> None:
    before = import_dataset(workspace, put("e.csv", FIRST))
    rows = "".join(f"p{n % 5000},i{n % 999},{n}\n" for n in range(100_000))
    large = put("large.csv", "user,item,time\n" + rows)
    program = Path(sys.executable).with_name("promptrec")
    command = [program, "data", "import", "--append", "--events", large, "--yes", "-w", workspace.root]
    child = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(workspace.root.glob(".dataset.*")) and time.monotonic() < deadline:
        time.sleep(0.002)
    assert child.poll() is None, "it ended before it could be killed"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert list(workspace.root.glob(".dataset.*")), "it was killed while it wrote"
    assert Dataset.load(workspace.dataset).hash == before.hash
    after = import_dataset(workspace, large, append=True)
    assert len(after.events) == 100_003
