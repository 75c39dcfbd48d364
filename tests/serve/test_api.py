from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.serve.server import serve


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def assert_problem(answer: httpx.Response, status: int, detail: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert detail in document["detail"]
    assert "\n" not in document["detail"]
    assert "Traceback" not in answer.text
    return document


def test_recommend_answers_what_the_command_prints(client: httpx.Client, recommender: Recommender) -> None:
    answer = client.post("/v1/recommend", json={"history": ["50", "no"], "request": "喜剧", "prompt": "five", "k": 3})
    expected = recommender.recommend(["50", "no"], "喜剧", "five", 3).as_dict()
    assert json.dumps(answer.json()) == json.dumps(expected)


def test_an_event_changes_the_very_next_recommendation(client: httpx.Client) -> None:
    assert ids(client.post("/v1/recommend", json={"user_id": "ann", "k": 2})) == ["172", "181"]
    stored = client.post("/v1/events", json={"events": [{"user_id": "ann", "item_id": "172", "kind": "view"}]})
    assert stored.json() == {"accepted": 1}
    assert ids(client.post("/v1/recommend", json={"user_id": "ann", "k": 2})) == ["181", "evil/1"]
    assert ids(client.post("/v1/recommend", json={"user_id": "somebody new", "k": 2})) == ["50", "172"]


def test_items(client: httpx.Client) -> None:
    item = client.get("/v1/items/50").json()
    assert item["title"] == "Star Wars"
    assert item["attributes"] == {"genres": ["Action", "Sci-Fi"], "year": 1977}
    assert client.get("/v1/items/evil/1").json()["attributes"]["year"] is None
    assert ids(client.get("/v1/items", params={"q": "AMELIE"})) == ["7"]
    assert ids(client.get("/v1/items", params={"q": "drama"})) == [str(100 + n) for n in range(14)]


def test_prompts_health_and_docs(client: httpx.Client) -> None:
    assert client.get("/v1/prompts").json()["prompts"][0]["name"] == "five"
    assert client.get("/health").json()["status"] == "ok"
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/recommend", "/v1/events", "/v1/items", "/v1/prompts", "/health"} <= set(paths)
    assert "/v1/recommend" in client.get("/docs").text


@pytest.mark.parametrize(
    ("body", "status", "detail", "field"),
    [
        ({"history": ["50"], "request": ""}, 422, "is empty", "request"),
        ({"history": ["50"], "request": " \n "}, 422, "is empty", "request"),
        ({"history": ["50"], "request": "x" * 10_000}, 422, "at most 2000 characters", "request"),
        ({"history": ["50"], "k": 0}, 422, "greater than or equal to 1", "k"),
        ({"history": ["50"], "k": 101}, 422, "less than or equal to 100", "k"),
        ({"history": ["50"], "k": 60}, 422, "k: expected 1 to 25, found 60", None),
        ({"history": ["50"], "prompt": "nope"}, 404, "'nope'", None),
        ({"history": ["no", "nor"]}, 422, "none of its 2 ids", None),
        ({"history": ["50"] * 1_001}, 422, "at most 1000 items", "history"),
        ({"history": [50]}, 422, "valid string", "history.0"),
        ({"history": ["50"], "user_id": "ann"}, 422, "exactly one of user_id and history", None),
        ({}, 422, "exactly one of user_id and history", None),
        ({"history": ["50"], "reqest": "x"}, 422, "not permitted", "reqest"),
        ([], 422, "", None),
    ],
)
def test_bad_recommend(client: httpx.Client, body: Any, status: int, detail: str, field: str | None) -> None:
    assert assert_problem(client.post("/v1/recommend", json=body), status, detail).get("field") == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"item_id": "nope"}, None),
        ({"kind": "<b>"}, "events.1.kind"),
        ({"value": "much"}, "events.1.value"),
        ({"time": -1}, "events.1.time"),
        ({"user_id": ""}, "events.1.user_id"),
    ],
)
def test_bad_events_store_nothing(client: httpx.Client, change: dict[str, Any], field: str | None) -> None:
    good = {"user_id": "bob", "item_id": "50", "kind": "view"}
    answer = client.post("/v1/events", json={"events": [good, good | change]})
    assert assert_problem(answer, 422, "nope" if field is None else field).get("field") == field
    assert ids(client.post("/v1/recommend", json={"user_id": "bob", "k": 1})) == ["50"]


def test_other_errors_are_problems_too(client: httpx.Client) -> None:
    for text in ("{not json", '{"history": ["50"]', ""):
        answer = client.post("/v1/recommend", content=text, headers={"content-type": "application/json"})
        assert answer.status_code in (400, 422)
        assert answer.headers["content-type"] == "application/problem+json"
    assert_problem(client.get("/v1/items/nope"), 404, "'nope'")
    assert_problem(client.get("/v1/items"), 422, "q")
    assert_problem(client.get("/nowhere"), 404, "/nowhere")
    assert_problem(client.delete("/v1/prompts"), 405, "DELETE")
    failed = assert_problem(client.post("/v1/recommend", json={"history": [], "request": "explode"}), 500, "went wrong")
    assert "secret" not in str(failed)
    assert_problem(client.post("/v1/events", content=b" " * 1_000_001), 413, "at most 1,000,000")


def test_only_loopback_names_are_answered(client: httpx.Client) -> None:
    for host in ("localhost:8000", "[::1]:8000", "127.0.0.1"):
        assert client.get("/health", headers={"host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example:8000"):
        assert_problem(client.get("/health", headers={"host": host}), 421, "evil.example")


def test_headers_and_script_tags(client: httpx.Client) -> None:
    answer = client.get("/", params={"h": "evil/1", "request": "<script>alert(2)</script>"})
    assert answer.status_code == 200
    assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(2)" in answer.text
    assert "<script>alert" not in client.get("/page/search", params={"q": "<script>"}).text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"h": "nope"}, "Not in the catalogue, left out: nope"),
        ({"h": "50", "request": "x" * 10_000}, "10,000 characters"),
        ({}, "Begin with two or three things you liked"),
        ({"request": "comedy"}, "With nothing to go by"),
    ],
)
def test_the_page_says_what_is_amiss(client: httpx.Client, state: dict[str, str], said: str) -> None:
    answer = client.get("/", params=state)
    assert answer.status_code == 200
    assert said in answer.text


def test_a_port_in_use_is_one_line_before_anything_is_loaded(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PromptrecError, match=f"port {port} cannot be used"):
            serve(tmp_path / "no workspace", port)
    with pytest.raises(PromptrecError, match="no login"):
        serve(tmp_path, 0, "0.0.0.0")


def test_a_server_process_answers_and_ends_on_ctrl_c(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from conftest import SmallRecommender; "
        "from promptrec.serve import server; from pathlib import Path; "
        "server.Recommender.load = lambda workspace: SmallRecommender(); "
        "server.serve(Path(sys.argv[2]), int(sys.argv[3]))"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path), str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert f"http://127.0.0.1:{port}" in process.stderr.readline()
            event = {"user_id": "bob", "item_id": "50", "kind": "view"}
            address = f"http://127.0.0.1:{port}/v1/events"
            assert httpx.post(address, json={"events": [event]}, trust_env=False).json() == {"accepted": 1}
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
    assert (tmp_path / "state.db").exists()
