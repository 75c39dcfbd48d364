"""What people did since the dataset was made: an append-only table of events in SQLite."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from promptrec.errors import PromptrecError

STORE_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL,
    value REAL, time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_user ON events (user_id, time, cursor);
"""
_FIELDS = "user_id, item_id, kind, value, time"


@dataclass(frozen=True)
class StoredEvent:
    """One thing that one person did; time: epoch seconds."""

    user_id: str
    item_id: str
    kind: str
    value: float | None
    time: float


class EventStore:
    """Events of the live service. What `append` returned from survives a crash of the process or the machine."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA secure_delete=ON")
            found = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if found <= STORE_VERSION:
                self._connection.executescript(_SCHEMA)
                self._connection.execute(f"PRAGMA user_version={STORE_VERSION}")
        except sqlite3.Error as error:
            self.close()
            raise PromptrecError(f"{path}: the event store cannot be opened ({error}); restore or move it") from None
        if found > STORE_VERSION:
            self.close()
            raise PromptrecError(
                f"{path}: this event store has version {found}, this promptrec reads up to {STORE_VERSION}; upgrade it"
            )

    def append(self, events: Sequence[StoredEvent]) -> int:
        """Store all events or, on an error, none; return how many."""
        with self._lock, self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                f"INSERT INTO events ({_FIELDS}) VALUES (?, ?, ?, ?, ?)", [astuple(event) for event in events]
            )
        return len(events)

    def history(self, user_id: str, n: int) -> list[StoredEvent]:
        """The latest `n` events of a person, oldest first."""
        rows = self._select(
            f"SELECT {_FIELDS} FROM events WHERE user_id = ? ORDER BY time DESC, cursor DESC LIMIT ?", (user_id, n)
        )
        return [StoredEvent(*row) for row in reversed(rows)]

    def since(self, cursor: int, n: int = 10_000) -> list[tuple[int, StoredEvent]]:
        """Up to `n` events stored after `cursor` (0: from the beginning), each with its own cursor, in order."""
        rows = self._select(
            f"SELECT cursor, {_FIELDS} FROM events WHERE cursor > ? ORDER BY cursor LIMIT ?", (cursor, n)
        )
        return [(row[0], StoredEvent(*row[1:])) for row in rows]

    def erase(self, user_id: str) -> int:
        """Remove every event of a person; return how many. Their bytes are overwritten in the file."""
        with self._lock, self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            erased = connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
        with self._lock:
            self._open().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return erased

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise PromptrecError("the event store is closed")
        return self._connection

    def _select(self, sql: str, values: tuple[str | int, ...]) -> list[Any]:
        with self._lock:
            return self._open().execute(sql, values).fetchall()
