from __future__ import annotations

from typing import Any

import pytest
from answers import assert_problem, ids

from conftest import Service


def test_what_was_sent_twice_is_stored_once(service: Service) -> None:
    event = {"event_id": "e1", "user_id": "ann", "item_id": "C0", "kind": "view", "recommendation_id": "r1"}
    for expected in ({"accepted": 1, "duplicates": 1}, {"accepted": 0, "duplicates": 2}):
        assert service.client.post("/v1/events", json={"events": [event, event]}).json() == expected
    kept = service.client.get("/v1/users/ann").json()["events"]
    assert [(one["event_id"], one["recommendation_id"]) for one in kept] == [("e1", "r1")]


def test_kinds_are_open_and_time_is_now_unless_given(service: Service) -> None:
    events = [
        {"user_id": "ann", "item_id": "C0", "kind": "wishlist"},
        {"user_id": "ann", "item_id": "C1", "kind": "rating", "value": 4.5, "time": 5},
    ]
    assert service.client.post("/v1/events", json={"events": events}).json()["accepted"] == 2
    kept = service.client.get("/v1/users/ann").json()["events"]
    assert kept[0]["time"] > 1.7e9
    assert (kept[1]["time"], kept[1]["value"]) == (5, 4.5)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"item_id": "nope"}, None),
        ({"kind": "<b>"}, "events.1.kind"),
        ({"value": "much"}, "events.1.value"),
        ({"value": 1e300}, "events.1.value"),
        ({"time": -1}, "events.1.time"),
        ({"user_id": ""}, "events.1.user_id"),
        ({"user_id": "a\u0000b"}, "events.1.user_id"),
        ({"event_id": "\x1b[31m"}, "events.1.event_id"),
    ],
)
def test_bad_events_store_nothing(service: Service, change: dict[str, Any], field: str | None) -> None:
    good = {"user_id": "bob", "item_id": "C0", "kind": "view"}
    answer = service.client.post("/v1/events", json={"events": [good, good | change]})
    assert assert_problem(answer, 422, "nope" if field is None else field).get("field") == field
    assert service.client.get("/v1/users/bob").json()["events"] == []


def test_an_item_that_another_worker_was_given_is_known(service: Service) -> None:
    service.engine.releases.close()  # no polling: as in the moment before this worker looks again
    service.engine.store.change_item("new", {"title": "New", "description": None, "attributes": {}})
    event = {"user_id": "bob", "item_id": "new", "kind": "view"}
    assert service.client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
    assert "new" not in ids(service.client.post("/v1/recommend", json={"user_id": "bob", "k": 44}))
