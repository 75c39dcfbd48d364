from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from promptrec.errors import PromptrecError
from promptrec.serve.store import EventStore, StoredEvent


def event(user: str, item: str, time: float = 1.0) -> StoredEvent:
    return StoredEvent(user, item, "view", None, time)


def test_history_is_the_latest_events_oldest_first(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.db")
    assert store.append([event("a", "3", 3.0), event("a", "1", 1.0), event("b", "9"), event("a", "2", 2.0)]) == 4
    assert [found.item_id for found in store.history("a", 2)] == ["2", "3"]
    assert store.history("nobody", 5) == []


def test_since_walks_through_all_events_in_the_order_they_came(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.db")
    store.append([event("a", str(n)) for n in range(5)])
    first = store.since(0, 3)
    rest = store.since(first[-1][0])
    assert [found.item_id for _, found in first + rest] == ["0", "1", "2", "3", "4"]
    assert store.since(rest[-1][0]) == []


def test_erase_removes_one_person_also_from_the_bytes(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.db")
    store.append([event("erase-me-please", "1"), event("b", "2")])
    assert store.erase("erase-me-please") == 1
    assert store.history("erase-me-please", 9) == []
    assert len(store.history("b", 9)) == 1
    assert all(b"erase-me-please" not in file.read_bytes() for file in tmp_path.iterdir())


def test_events_of_many_threads_are_all_kept(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.db")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.append([event("a", str(n))]), range(200)))
    assert {found.item_id for found in store.history("a", 999)} == {str(n) for n in range(200)}


def test_events_survive_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from promptrec.serve.store import *; "
        "EventStore(pathlib.Path(sys.argv[1])).append([StoredEvent('a', '1', 'view', None, 1.0)]); "
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "state.db")], check=False)
    assert done.returncode == -9
    assert [found.item_id for found in EventStore(tmp_path / "state.db").history("a", 9)] == ["1"]


def test_a_failed_append_stores_nothing(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "state.db")
    broken = StoredEvent("a", "2", None, None, 1.0)  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        store.append([event("a", "1"), broken])
    assert store.since(0) == []


def test_a_broken_or_newer_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(PromptrecError, match=r"broken\.db: the event store cannot be opened"):
        EventStore(tmp_path / "broken.db")
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(PromptrecError, match="has version 99"):
        EventStore(tmp_path / "newer.db")
