from __future__ import annotations

from pathlib import Path

import httpx
from answers import assert_problem
from postgres import PostgresServer, fresh

from conftest import running
from promptrec.serve.store import open_store


def test_health_ready_and_metrics(client: httpx.Client) -> None:
    assert client.get("/health").json() == {"status": "ok", "items": 45}
    assert client.get("/ready").json()["release"].startswith("1.")
    client.post("/v1/recommend", json={"history": ["C0"], "request": "war", "prompt": "wars", "k": 2})
    counted = client.get("/metrics").text
    for expected in (
        'promptrec_stage_seconds_count{stage="model"}',
        'promptrec_stage_seconds_count{stage="queue"}',
        'promptrec_cache_total{cache="requests",result="hit"}',
        'promptrec_prompt_version{name="wars"} 1.0',
        "promptrec_backbone_version 1.0",
        "promptrec_index_recall 1.0",
        "promptrec_fallbacks_total",
        'promptrec_http_requests_total{method="GET",status="200"}',
    ):
        assert expected in counted


def test_openapi_lists_every_call(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    calls = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert {("post", "/v1/recommend"), ("post", "/v1/recommend/batch"), ("post", "/v1/events")} <= calls
    assert {("put", "/v1/items/{item_id}"), ("delete", "/v1/users/{user_id}"), ("get", "/metrics")} <= calls
    recommend = document["paths"]["/v1/recommend"]["post"]["responses"]
    assert "application/problem+json" in recommend["422"]["content"]
    assert "/v1/recommend" in client.get("/docs").text


def test_other_errors_are_problems_too(client: httpx.Client) -> None:
    assert_problem(client.get("/nowhere"), 404, "/nowhere")
    assert_problem(client.delete("/v1/prompts"), 405, "DELETE")


def test_postgresql_that_goes_and_comes_back(workspace: Path, postgres: PostgresServer) -> None:
    with running(workspace, store=open_store(fresh(postgres))) as service:
        client = service.client
        event = {"event_id": "e1", "user_id": "p0", "item_id": "C0", "kind": "view"}
        assert client.post("/v1/events", json={"events": [event]}).json()["accepted"] == 1
        postgres.stop()
        try:
            away = client.post("/v1/events", json={"events": [event | {"event_id": "e2"}]})
            assert_problem(away, 503, "event store cannot be written")
            assert away.headers["retry-after"] == "1"
            assert client.get("/ready").status_code == 503
            assert client.get("/health").status_code == 200
            answer = client.post("/v1/recommend", json={"user_id": "p0", "k": 2}).json()
            assert len(answer["items"]) == 2
            assert "event store is away" in answer["notes"][0]
        finally:
            postgres.start()
        assert client.post("/v1/events", json={"events": [event | {"event_id": "e2"}]}).json()["accepted"] == 1
        assert client.get("/ready").status_code == 200
        assert [one["event_id"] for one in client.get("/v1/users/p0").json()["events"]] == ["e1", "e2"]
