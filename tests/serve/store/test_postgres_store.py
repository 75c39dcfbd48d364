from __future__ import annotations

import psycopg
import pytest
from postgres import PostgresServer, fresh

from contracts.event_store import EventStoreContract, event
from promptrec.errors import PromptrecError
from promptrec.serve.store import EventStore, StoreUnavailableError, open_store


class TestPostgresStore(EventStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, postgres: PostgresServer) -> None:
        self.url = fresh(postgres)

    def open(self) -> EventStore:
        return open_store(self.url)


@pytest.mark.parametrize(("durability", "setting"), [("full", "on"), ("fast", "off")])
def test_durability_is_what_was_asked_for(postgres: PostgresServer, durability: str, setting: str) -> None:
    store = open_store(fresh(postgres), durability)  # type: ignore[arg-type]
    asked = store._commits.submit(lambda c: c.execute("SHOW synchronous_commit").fetchone()[0])  # type: ignore[attr-defined]
    assert asked.result() == setting
    store.close()


def test_a_server_that_stops_and_comes_back_loses_nothing_acknowledged(postgres: PostgresServer) -> None:
    store = open_store(fresh(postgres))
    store.append([event("a", "1")])
    postgres.stop()
    for call in (lambda: store.append([event("a", "2")]), lambda: store.history("a", 9)):
        with pytest.raises(StoreUnavailableError, match="event store cannot be"):
            call()
    postgres.start()
    assert store.append([event("a", "3")]) == 1
    assert [found.item_id for found in store.history("a", 9)] == ["1", "3"]
    store.close()


def test_a_newer_or_absent_server_is_one_clear_line(postgres: PostgresServer) -> None:
    url = fresh(postgres)
    open_store(url).close()
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE promptrec_version SET version = 99")
    with pytest.raises(PromptrecError, match="have version 99"):
        open_store(url)
    with pytest.raises(PromptrecError, match="PostgreSQL cannot be used") as refused:
        open_store("postgresql://somebody:secret@127.0.0.1:1/x")
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
