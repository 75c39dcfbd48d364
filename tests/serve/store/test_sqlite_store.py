from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.event_store import EventStoreContract, event
from promptrec.errors import PromptrecError
from promptrec.serve.store import EventStore, StoreUnavailableError, open_store
from promptrec.serve.store.sqlite import SqliteStore


class TestSqliteStore(EventStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "state.db"

    def open(self) -> EventStore:
        return SqliteStore(self.path)

    def test_erase_removes_a_person_also_from_the_bytes(self, store: EventStore) -> None:
        store.append([event("erase-me-please", "1"), event("b", "2")])
        assert store.erase("erase-me-please") == 1
        assert all(b"erase-me-please" not in file.read_bytes() for file in self.path.parent.iterdir())


def test_events_survive_a_killed_process(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from promptrec.serve.store.sqlite import *; "
        "SqliteStore(pathlib.Path(sys.argv[1])).append([StoredEvent('a', '1', 'view', None, 1.0)]); "
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "state.db")], check=False)
    assert done.returncode == -9
    assert [found.item_id for found in SqliteStore(tmp_path / "state.db").history("a", 9)] == ["1"]


@pytest.mark.parametrize(("durability", "level"), [("full", 2), ("fast", 1)])
def test_durability_is_what_was_asked_for(tmp_path: Path, durability: str, level: int) -> None:
    store = SqliteStore(tmp_path / "state.db", durability)  # type: ignore[arg-type]
    asked = store._commits.submit(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0])
    assert asked.result() == level


def test_events_of_version_1_are_kept(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as old:
        old.executescript(
            "CREATE TABLE events (cursor INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, "
            "item_id TEXT NOT NULL, kind TEXT NOT NULL, value REAL, time REAL NOT NULL);"
            "INSERT INTO events (user_id, item_id, kind, time) VALUES ('a', '1', 'view', 1), ('a', '2', 'view', 2);"
            "PRAGMA user_version=1"
        )
    store = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    found = store.history("a", 9)
    assert [one.item_id for one in found] == ["1", "2"]
    assert len({one.event_id for one in found} - {""}) == 2


def test_a_broken_or_newer_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(PromptrecError, match=r"broken\.db: the event store cannot be opened"):
        SqliteStore(tmp_path / "broken.db")
    with sqlite3.connect(tmp_path / "newer.db") as newer:
        newer.execute("PRAGMA user_version=99")
    with pytest.raises(PromptrecError, match="has version 99"):
        SqliteStore(tmp_path / "newer.db")
    for url in ("mysql://root:secret@host/db", "sqlite://", "state.db"):
        with pytest.raises(PromptrecError, match="--store: expected sqlite:///FILE") as refused:
            open_store(url)
        assert "secret" not in str(refused.value)


def test_a_store_that_cannot_be_written_says_so_and_comes_back(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state.db")
    store._commits.submit(lambda connection: connection.execute("SELECT 1")).result()
    store._writer.execute("PRAGMA max_page_count=1")
    with pytest.raises(StoreUnavailableError, match="full"):
        store.append([event("a", "x" * 100) for _ in range(1_000)])
    store._writer.execute("PRAGMA max_page_count=1000000")
    assert store.append([event("a", "1")]) == 1
    assert len(store.since(0)) == 1
