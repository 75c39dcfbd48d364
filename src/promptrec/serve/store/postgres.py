"""The event store in PostgreSQL, for services on several machines."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import astuple
from typing import Any, LiteralString

import psycopg

from promptrec.errors import PromptrecError
from promptrec.serve.store.contract import Durability, EventStore, ItemChange, StoredEvent, StoreUnavailableError
from promptrec.serve.store.group_commit import GroupCommit, Operation

STORE_VERSION = 1
CONNECT_SECONDS = 3
STATEMENT_MS = 10_000
# Cursors are handed out in the order of commits: who reads on from a cursor must never miss a smaller one that was
# committed later. Appends of all processes therefore take this lock, which a commit frees.
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(7767362)"
_FIELDS: LiteralString = "user_id, item_id, kind, value, time, event_id, recommendation_id"
_SCHEMA: LiteralString = """
CREATE TABLE IF NOT EXISTS promptrec_version (version integer NOT NULL);
INSERT INTO promptrec_version SELECT 1 WHERE NOT EXISTS (SELECT FROM promptrec_version);
CREATE TABLE IF NOT EXISTS promptrec_events (
    cursor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, user_id text NOT NULL, item_id text NOT NULL,
    kind text NOT NULL, value double precision, time double precision NOT NULL, event_id text NOT NULL UNIQUE,
    recommendation_id text
);
CREATE INDEX IF NOT EXISTS promptrec_events_by_user ON promptrec_events (user_id, time, cursor);
CREATE INDEX IF NOT EXISTS promptrec_events_by_recommendation ON promptrec_events (recommendation_id)
    WHERE recommendation_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS promptrec_shown (arm text PRIMARY KEY, count bigint NOT NULL);
CREATE TABLE IF NOT EXISTS promptrec_item_changes (
    number bigint GENERATED ALWAYS AS IDENTITY, item_id text PRIMARY KEY, item text
);
CREATE INDEX IF NOT EXISTS promptrec_item_changes_by_number ON promptrec_item_changes (number);
"""
_CLICKS: LiteralString = """
SELECT arm, count, coalesce(followed, 0) FROM promptrec_shown LEFT JOIN (
    SELECT substr(recommendation_id, 34) AS own, count(DISTINCT recommendation_id) AS followed
    FROM promptrec_events WHERE recommendation_id IS NOT NULL GROUP BY own
) AS clicks ON own = arm ORDER BY arm
"""


class PostgresStore(EventStore):
    """Two connections, one that writes and one that reads; each comes back by itself after the server was away.

    Raises PromptrecError where the server does not answer at the start or its tables are of a newer version.
    """

    def __init__(self, url: str, durability: Durability = "full") -> None:
        self._url = url
        self._durability = durability
        self._writer: psycopg.Connection[Any] | None = None
        self._reader: psycopg.Connection[Any] | None = None
        self._reading = threading.Lock()
        try:
            self._writer = self._connect()
            with self._writer.transaction():
                self._writer.execute(_LOCK)
                self._writer.execute(_SCHEMA)
                row = self._writer.execute("SELECT version FROM promptrec_version").fetchone()
        except psycopg.Error as error:
            raise PromptrecError(f"--store: PostgreSQL cannot be used ({_line(error)}); check URL and server") from None
        found = row[0] if row else 0
        if found > STORE_VERSION:
            self._writer.close()
            raise PromptrecError(
                f"--store: its tables have version {found}, this promptrec reads up to {STORE_VERSION}; upgrade it"
            )
        self._commits = GroupCommit(self._transaction)

    def submit(self, events: Sequence[StoredEvent]) -> Future[int]:
        rows = [astuple(event) for event in events]

        def insert(connection: psycopg.Connection[Any]) -> int:
            with connection.cursor() as cursor:
                cursor.executemany(
                    f"INSERT INTO promptrec_events ({_FIELDS}) VALUES (%s, %s, %s, %s, %s, %s, %s) "
                    "ON CONFLICT (event_id) DO NOTHING",
                    rows,
                )
                return max(cursor.rowcount, 0)

        return self._commits.submit(insert)

    def history(self, user_id: str, n: int, after: int = 0) -> list[StoredEvent]:
        rows = self._select(
            f"SELECT {_FIELDS} FROM promptrec_events WHERE user_id = %s AND cursor > %s "
            "ORDER BY time DESC, cursor DESC LIMIT %s",
            (user_id, after, n),
        )
        return [StoredEvent(*row) for row in reversed(rows)]

    def since(self, cursor: int, n: int = 10_000, user_id: str | None = None) -> list[tuple[int, StoredEvent]]:
        rows = self._select(
            f"SELECT cursor, {_FIELDS} FROM promptrec_events WHERE cursor > %s AND (%s::text IS NULL OR user_id = %s) "
            "ORDER BY cursor LIMIT %s",
            (cursor, user_id, user_id, n),
        )
        return [(row[0], StoredEvent(*row[1:])) for row in rows]

    def erase(self, user_id: str) -> int:
        def delete(connection: psycopg.Connection[Any]) -> int:
            return connection.execute("DELETE FROM promptrec_events WHERE user_id = %s", (user_id,)).rowcount

        return self._commits.submit(delete).result()

    def change_item(self, item_id: str, item: Mapping[str, Any] | None) -> int:
        document = None if item is None else json.dumps(dict(item), ensure_ascii=False, allow_nan=False)

        def replace(connection: psycopg.Connection[Any]) -> int:
            connection.execute("DELETE FROM promptrec_item_changes WHERE item_id = %s", (item_id,))
            row = connection.execute(
                "INSERT INTO promptrec_item_changes (item_id, item) VALUES (%s, %s) RETURNING number",
                (item_id, document),
            ).fetchone()
            return int(row[0]) if row else 0

        return self._commits.submit(replace).result()

    def item_changes(self, after: int = 0) -> list[ItemChange]:
        rows = self._select(
            "SELECT number, item_id, item FROM promptrec_item_changes WHERE number > %s ORDER BY number", (after,)
        )
        return [ItemChange(number, id_, None if item is None else json.loads(item)) for number, id_, item in rows]

    def count_shown(self, shown: Mapping[str, int]) -> None:
        rows = list(shown.items())

        def add(connection: psycopg.Connection[Any]) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO promptrec_shown AS kept VALUES (%s, %s) "
                    "ON CONFLICT (arm) DO UPDATE SET count = kept.count + excluded.count",
                    rows,
                )

        self._commits.submit(add).result()

    def clicks(self) -> dict[str, tuple[int, int]]:
        # A connection of its own: this reads much, and what ranking reads must not wait for it.
        try:
            with closing(self._connect()) as connection:
                rows = connection.execute(_CLICKS).fetchall()
        except psycopg.Error as error:
            raise StoreUnavailableError(f"the event store cannot be read ({_line(error)})") from error
        return {arm: (shown, min(followed, shown)) for arm, shown, followed in rows}

    def close(self) -> None:
        self._commits.close()
        with self._reading:
            for connection in (self._writer, self._reader):
                if connection is not None:
                    connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        wait = "on" if self._durability == "full" else "off"
        connection = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_SECONDS)
        connection.execute("SELECT set_config('synchronous_commit', %s, false)", (wait,))
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(STATEMENT_MS),))
        return connection

    def _transaction(self, operations: list[Operation[psycopg.Connection[Any]]]) -> list[Any]:
        try:
            if self._writer is None or self._writer.closed:
                self._writer = self._connect()
            with self._writer.transaction():
                self._writer.execute(_LOCK)
                return [self._one(self._writer, operation) for operation in operations]
        except psycopg.Error as error:
            if self._writer is not None and (self._writer.broken or isinstance(error, psycopg.OperationalError)):
                self._writer.close()
            raise StoreUnavailableError(f"the event store cannot be written ({_line(error)})") from error

    def _one(self, connection: psycopg.Connection[Any], operation: Operation[psycopg.Connection[Any]]) -> Any:
        try:
            with connection.transaction():
                return operation(connection)
        except (psycopg.IntegrityError, psycopg.DataError) as error:
            return error

    def _select(self, sql: LiteralString, values: tuple[str | int | None, ...]) -> list[Any]:
        with self._reading:
            try:
                if self._reader is None or self._reader.closed:
                    self._reader = self._connect()
                return self._reader.execute(sql, values).fetchall()
            except psycopg.Error as error:
                if self._reader is not None:
                    self._reader.close()
                raise StoreUnavailableError(f"the event store cannot be read ({_line(error)})") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
