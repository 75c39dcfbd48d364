from __future__ import annotations

import asyncio

import polars as pl
import pytest
from answers import ids

from conftest import Service, running
from promptrec.pull import pull
from promptrec.serve.engine.history_cache import HistoryCache
from promptrec.workspace import Workspace


def test_events_are_read_page_by_page(service: Service) -> None:
    events = [{"event_id": f"e{n}", "user_id": "p0/x", "item_id": "C0", "kind": "view"} for n in range(5)]
    service.client.post("/v1/events", json={"events": events})
    seen, cursor = [], 0
    while page := service.client.get("/v1/users/p0/x", params={"cursor": cursor, "limit": 2}).json():
        cursor = page["cursor"]
        seen += [event["event_id"] for event in page["events"]]
        if not page["events"]:
            break
    assert seen == [f"e{n}" for n in range(5)]
    assert service.client.get("/v1/users/p1").json()["dataset_events"] == 10
    assert service.client.get("/v1/users/nobody").json() == {"events": [], "cursor": 0, "dataset_events": 0}


def test_an_erased_person_is_gone_from_store_dataset_and_memory(service: Service) -> None:
    client = service.client
    client.post("/v1/events", json={"events": [{"user_id": "p0", "item_id": "C0", "kind": "view"}]})
    erased = client.delete("/v1/users/p0").json()
    assert (erased["events"], erased["dataset_rows"]) == (1, 10)
    assert {k: erased["still_held_by"][0][k] for k in ("kind", "version")} == {"kind": "backbone", "version": 1}
    assert client.get("/v1/users/p0").json() == {"events": [], "cursor": 0, "dataset_events": 0}
    nobody = ids(client.post("/v1/recommend", json={"user_id": "p0", "k": 5}))
    assert nobody == ids(client.post("/v1/recommend", json={"user_id": "never seen", "k": 5}))
    kept = pl.read_parquet(service.workspace / "dataset" / "events.parquet")
    assert "p0" not in kept["user"]
    assert len(kept) == 890
    assert client.get("/v1/users/p1").json()["dataset_events"] == 10
    assert client.delete("/v1/users/p0").json() == {"events": 0, "dataset_rows": 0, "still_held_by": []}


def test_events_that_were_pulled_into_the_dataset_count_once(service: Service) -> None:
    events = [{"user_id": "ann", "item_id": "C0", "kind": "view"}, {"user_id": "p1", "item_id": "C0", "kind": "view"}]
    service.client.post("/v1/events", json={"events": events})
    assert pull(Workspace(service.workspace)) == 2
    service.engine.releases.refresh()
    assert service.client.get("/v1/users/ann").json()["dataset_events"] == 1
    for user, expected in (("ann", 1), ("p1", 11)):
        history, _ = asyncio.run(service.engine._history(service.engine.current, user))
        assert len(history) == expected


def test_a_service_starts_again_after_an_erasure(service: Service) -> None:
    service.client.delete("/v1/users/p0")
    with running(service.workspace) as again:
        assert again.client.get("/v1/users/p0").json()["dataset_events"] == 0
        assert ids(again.client.post("/v1/recommend", json={"user_id": "p1", "k": 2}))


def test_what_was_made_of_histories_is_forgotten_with_a_person(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleared: list[HistoryCache] = []
    monkeypatch.setattr(HistoryCache, "clear", lambda cache: cleared.append(cache))
    service.client.delete("/v1/users/p0")
    assert service.engine.current.packed is not None
    assert cleared == [service.engine.current.packed.cache]
