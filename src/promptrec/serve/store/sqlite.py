"""The event store in one SQLite file, in WAL mode: readers never wait for the writer."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import astuple
from pathlib import Path
from typing import Any

from promptrec.errors import PromptrecError
from promptrec.serve.store.contract import Durability, EventStore, ItemChange, StoredEvent, StoreUnavailableError
from promptrec.serve.store.group_commit import GroupCommit, Operation

STORE_VERSION = 2
WAIT = 10.0  # seconds a writer waits for another process's transaction
SYNCHRONOUS = {"full": "FULL", "fast": "NORMAL"}
_FIELDS = "user_id, item_id, kind, value, time, event_id, recommendation_id"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT NOT NULL, item_id TEXT NOT NULL, kind TEXT NOT NULL,
    value REAL, time REAL NOT NULL, event_id TEXT NOT NULL, recommendation_id TEXT
);
CREATE INDEX IF NOT EXISTS events_by_user ON events (user_id, time, cursor);
CREATE UNIQUE INDEX IF NOT EXISTS events_by_id ON events (event_id);
CREATE INDEX IF NOT EXISTS events_by_recommendation ON events (recommendation_id) WHERE recommendation_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS shown (arm TEXT PRIMARY KEY, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS item_changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, item_id TEXT NOT NULL UNIQUE, item TEXT
);
"""
_CLICKS = """
SELECT arm, count, coalesce(followed, 0) FROM shown LEFT JOIN (
    SELECT substr(recommendation_id, 34) AS own, count(DISTINCT recommendation_id) AS followed
    FROM events WHERE recommendation_id IS NOT NULL GROUP BY own
) ON own = arm ORDER BY arm
"""
_FROM_VERSION_1 = """
ALTER TABLE events ADD COLUMN event_id TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN recommendation_id TEXT;
UPDATE events SET event_id = lower(hex(randomblob(16)));
"""


class SqliteStore(EventStore):
    """Raises PromptrecError for a file that is no event store, is broken, or is of a newer version."""

    def __init__(self, path: Path, durability: Durability = "full") -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = self._connect()
        try:
            self._writer.execute(f"PRAGMA synchronous={SYNCHRONOUS[durability]}")
            self._writer.execute("PRAGMA secure_delete=ON")
            self._migrate()
            self._reader = self._connect()
        except BaseException:
            self._writer.close()
            raise
        self._reading = threading.Lock()
        self._commits = GroupCommit(self._transaction)

    def submit(self, events: Sequence[StoredEvent]) -> Future[int]:
        rows = [astuple(event) for event in events]

        def insert(connection: sqlite3.Connection) -> int:
            sql = f"INSERT INTO events ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING"
            return connection.executemany(sql, rows).rowcount

        return self._commits.submit(insert)

    def history(self, user_id: str, n: int, after: int = 0) -> list[StoredEvent]:
        rows = self._select(
            f"SELECT {_FIELDS} FROM events WHERE user_id = ? AND cursor > ? ORDER BY time DESC, cursor DESC LIMIT ?",
            (user_id, after, n),
        )
        return [StoredEvent(*row) for row in reversed(rows)]

    def since(self, cursor: int, n: int = 10_000, user_id: str | None = None) -> list[tuple[int, StoredEvent]]:
        whose = "" if user_id is None else " AND user_id = ?"
        values = (cursor, n) if user_id is None else (cursor, user_id, n)
        rows = self._select(
            f"SELECT cursor, {_FIELDS} FROM events WHERE cursor > ?{whose} ORDER BY cursor LIMIT ?", values
        )
        return [(row[0], StoredEvent(*row[1:])) for row in rows]

    def erase(self, user_id: str) -> int:
        def delete(connection: sqlite3.Connection) -> int:
            return connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount

        erased = self._commits.submit(delete).result()
        # The bytes leave the write-ahead log too, once no reader needs its old pages any more.
        deadline = time.monotonic() + WAIT
        with self._reading:
            while self._reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] and time.monotonic() < deadline:
                time.sleep(0.01)
        return erased

    def change_item(self, item_id: str, item: Mapping[str, Any] | None) -> int:
        document = None if item is None else json.dumps(dict(item), ensure_ascii=False, allow_nan=False)

        def replace(connection: sqlite3.Connection) -> int:
            sql = "REPLACE INTO item_changes (item_id, item) VALUES (?, ?)"
            return connection.execute(sql, (item_id, document)).lastrowid or 0

        return self._commits.submit(replace).result()

    def item_changes(self, after: int = 0) -> list[ItemChange]:
        rows = self._select("SELECT number, item_id, item FROM item_changes WHERE number > ? ORDER BY number", (after,))
        return [ItemChange(number, id_, None if item is None else json.loads(item)) for number, id_, item in rows]

    def count_shown(self, shown: Mapping[str, int]) -> None:
        rows = list(shown.items())
        sql = "INSERT INTO shown VALUES (?, ?) ON CONFLICT (arm) DO UPDATE SET count = count + excluded.count"
        self._commits.submit(lambda connection: connection.executemany(sql, rows)).result()

    def clicks(self) -> dict[str, tuple[int, int]]:
        # A connection of its own: this reads much, and what ranking reads must not wait for it.
        connection = self._connect()
        try:
            rows = connection.execute(_CLICKS).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnavailableError(f"the event store cannot be read ({error})") from error
        finally:
            connection.close()
        return {arm: (shown, min(followed, shown)) for arm, shown, followed in rows}

    def close(self) -> None:
        self._commits.close()
        with self._reading:
            self._reader.close()
        self._writer.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=WAIT)
        deadline = time.monotonic() + WAIT
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                return connection
            except sqlite3.Error as error:
                # Two processes that open a new file at once: SQLite does not wait for a change of the journal's mode.
                if (
                    isinstance(error, sqlite3.OperationalError)
                    and "locked" in str(error)
                    and time.monotonic() < deadline
                ):
                    time.sleep(0.01)
                    continue
                connection.close()
                raise self._broken(error) from None

    def _migrate(self) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            found = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
            if found > STORE_VERSION:
                raise PromptrecError(
                    f"{self._path}: this event store has version {found}, this promptrec reads up to {STORE_VERSION}; "
                    "upgrade it"
                )
            script = (_FROM_VERSION_1 if found == 1 else "") + _SCHEMA
            for statement in filter(str.strip, script.split(";")):
                self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version={STORE_VERSION}")
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def _broken(self, error: sqlite3.Error) -> PromptrecError:
        return PromptrecError(f"{self._path}: the event store cannot be opened ({error}); restore or move it")

    def _transaction(self, operations: list[Operation[sqlite3.Connection]]) -> list[Any]:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            results = [self._one(operation) for operation in operations]
            self._writer.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise StoreUnavailableError(f"the event store cannot be written ({error})") from error
        return results

    def _one(self, operation: Callable[[sqlite3.Connection], Any]) -> Any:
        self._writer.execute("SAVEPOINT one")
        try:
            result = operation(self._writer)
        except sqlite3.IntegrityError as error:
            self._writer.execute("ROLLBACK TO one")
            result = error
        self._writer.execute("RELEASE one")
        return result

    def _select(self, sql: str, values: tuple[str | int, ...]) -> list[Any]:
        try:
            with self._reading:
                return self._reader.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnavailableError(f"the event store cannot be read ({error})") from error
