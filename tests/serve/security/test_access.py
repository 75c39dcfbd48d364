from __future__ import annotations

import json
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from answers import assert_problem, ids

from conftest import Service, running
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.serve.security import connections
from promptrec.serve.security.access import Access, needed_scope
from promptrec.serve.security.keys import KeyRing
from promptrec.serve.server import ServeSettings, run

EVENT = {"events": [{"user_id": "p0", "item_id": "C0", "kind": "view"}]}
QUERY = {"history": ["C0"], "k": 2}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def keys(workspace: Path) -> KeyRing:
    return KeyRing(workspace / "keys.json")


@pytest.fixture
def guarded(workspace: Path, keys: KeyRing) -> Iterator[Service]:
    with running(workspace, Access(keys, local=False)) as service:
        yield service


def test_keys_are_kept_as_hashes_and_found_by_token(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "keys.json")
    key, token = ring.create("shop", ["read", "write"])
    assert token not in (tmp_path / "keys.json").read_text()
    assert token.rpartition("_")[2] not in (tmp_path / "keys.json").read_text()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    other = KeyRing(tmp_path / "keys.json")
    assert other.find(token) == key
    for wrong in (token[:-1], token + "x", "", "prk_", f"prk_{key.id}_", f"prk_{key.id}_{'x' * 43}", "é" * 50):
        assert other.find(wrong) is None
    ring.revoke(key.id)
    assert other.find(token) is None
    with pytest.raises(NotFoundError, match="keys list"):
        ring.revoke(key.id)
    for name, scopes, rate in (("", ["read"], 1.0), ("a", ["root"], 1.0), ("a", [], 1.0), ("a", ["read"], 0.0)):
        with pytest.raises(PromptrecError):
            ring.create(name, scopes, rate)
    (tmp_path / "keys.json").write_text("{")
    with pytest.raises(PromptrecError, match=r"keys\.json: this list of API keys cannot be read"):
        KeyRing(tmp_path / "keys.json").keys()


def test_each_scope_opens_what_it_names(guarded: Service, keys: KeyRing) -> None:
    tokens = {scope: keys.create(scope, [scope])[1] for scope in ("read", "write", "admin")}
    calls = {
        "read": ("POST", "/v1/recommend", QUERY),
        "write": ("POST", "/v1/events", EVENT),
        "admin": ("PUT", "/v1/prompts/mood", {"text": "war"}),
    }
    for needed, (method, path, body) in calls.items():
        assert_problem(guarded.client.request(method, path, json=body), 401, "Authorization: Bearer")
        for scope, token in tokens.items():
            answer = guarded.client.request(method, path, json=body, headers=bearer(token))
            if scope in (needed, "admin"):
                assert answer.status_code == 200, (needed, scope)
            else:
                assert_problem(answer, 403, f"scope {needed!r}")
    assert guarded.client.get("/health").status_code == 200
    assert guarded.client.get("/metrics").status_code == 401
    assert guarded.client.get("/v1/recommend", headers=bearer("prk_nobody_x")).status_code == 401
    assert needed_scope("GET", "/v1/users/ann") == needed_scope("DELETE", "/v1/users/ann") == "admin"
    assert needed_scope("DELETE", "/v1/items/1") == "write"
    for path in ("/service/erase", "/prompts", "/prompts/mood/activate", "/tunings"):
        assert needed_scope("POST", path) == "admin"
    assert needed_scope("GET", "/data/people/ann") == "admin"
    assert needed_scope("GET", "/prompts") == "read"
    assert needed_scope("POST", "/logout") == needed_scope("POST", "/pictures") == "read"


def test_a_revoked_key_is_refused_at_once(guarded: Service, keys: KeyRing) -> None:
    key, token = keys.create("shop", ["read"])
    assert guarded.client.post("/v1/recommend", json=QUERY, headers=bearer(token)).status_code == 200
    keys.revoke(key.id)
    assert_problem(guarded.client.post("/v1/recommend", json=QUERY, headers=bearer(token)), 401, "send an API key")


def test_a_key_is_let_through_at_its_rate(guarded: Service, keys: KeyRing) -> None:
    slow, fast = keys.create("slow", ["read"], rate=2.0)[1], keys.create("fast", ["read"])[1]
    statuses = [guarded.client.get("/v1/prompts", headers=bearer(slow)).status_code for _ in range(8)]
    assert statuses[:4] == [200] * 4
    assert 429 in statuses
    refused = guarded.client.get("/v1/prompts", headers=bearer(slow))
    assert_problem(refused, 429, "2 times a second")
    assert int(refused.headers["retry-after"]) >= 1
    assert guarded.client.get("/v1/prompts", headers=bearer(fast)).status_code == 200


def test_a_page_needs_a_key_once_and_then_its_session(guarded: Service, keys: KeyRing) -> None:
    key, token = keys.create("person", ["read"])
    client = guarded.client
    asked = client.get("/", headers={"accept": "text/html"})
    assert (asked.status_code, asked.headers["location"]) == (303, "/login")
    assert "Enter a key" in client.get("/login").text
    assert "请输入密钥" in client.get("/login", headers={"accept-language": "zh-CN,zh;q=0.9"}).text
    assert client.post("/login", data={"key": "prk_wrong"}).status_code == 403
    entered = client.post("/login", data={"key": token})
    cookie = entered.headers["set-cookie"]
    assert entered.status_code == 303
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert token not in cookie
    assert client.get("/").status_code == 200
    assert client.post("/v1/recommend", json=QUERY).status_code == 401, "a session is for pages, not for the API"
    name, _, value = cookie.partition(";")[0].partition("=")
    ends = value.split(".")[1]
    for forged in (value.replace(ends, str(int(ends) + 1)), value[:-1], "..", "x"):
        assert httpx.get(f"{guarded.address}/", cookies={name: forged}, trust_env=False).status_code == 401
    keys.revoke(key.id)
    assert client.get("/").status_code == 401


def test_without_keys_only_this_machine_and_its_own_pages_are_answered(client: httpx.Client, shared: Service) -> None:
    for host in ("localhost:8000", "[::1]:8000", "127.0.0.1"):
        assert client.get("/health", headers={"host": host}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example:8000"):
        assert_problem(client.get("/health", headers={"host": host}), 421, "evil.example")
    for origin in ("https://evil.example", "null", "http://localhost:1"):
        assert_problem(client.post("/v1/recommend", json=QUERY, headers={"origin": origin}), 403, origin)
    answer = client.post("/v1/recommend", json=QUERY, headers={"origin": shared.address})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_other_machines_need_keys_or_the_word_insecure(tmp_path: Path) -> None:
    with pytest.raises(PromptrecError, match="there are no keys"):
        run(ServeSettings(tmp_path, 0, "0.0.0.0"))
    KeyRing(tmp_path / "keys.json").create("shop", ["read"])
    with socket.create_server(("0.0.0.0", 0)) as taken:
        port = taken.getsockname()[1]
        for settings in (
            ServeSettings(tmp_path, port, "0.0.0.0"),
            ServeSettings(tmp_path / "x", port, "0.0.0.0", insecure=True),
        ):
            with pytest.raises(PromptrecError, match=f"port {port} cannot be used"):  # what comes after keys
                run(settings)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{not json", 400),
        (b'{"history": ["C0"]', 400),
        (b"", 422),
        (b'{"history": ["\xff\xfe"]}', 400),
        (b'{"history": ["\\ud800"]}', 422),
        (b'{"\\ud800": 1}', 422),
        (b"[" * 100_000, 400),
        (b'{"filters":' * 50_000 + b"1" + b"}" * 50_000, 400),
        (b'{"history": ["C0"], "k": 1' + b"0" * 5_000 + b"}", 400),
        (b'{"history": ["C0"], "k": 1' + b"0" * 4_000 + b"}", 422),
        (b'{"history": ["C0"], "diversity": NaN}', 422),
        (b'{"history": ["C0"], "diversity": 1e999}', 422),
        (b'{"history": ["C\\u0000"]}', 422),
        (b" " * 1_000_001, 413),
    ],
    ids=lambda value: repr(value[:24]) if isinstance(value, bytes) else str(value),
)
def test_bodies_that_are_no_calls(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/v1/recommend", content=body, headers={"content-type": "application/json"})
    assert_problem(answer, status, "")
    assert len(answer.content) < 2_000
    assert client.get("/health").status_code == 200


def test_a_body_without_a_length_is_bounded_too(client: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 10_000

    assert_problem(client.post("/v1/events", content=parts()), 413, "more than 1,000,000")
    small = (part for part in (b'{"history": ["C0"],', b' "k": 1}'))
    answer = client.post("/v1/recommend", content=small, headers={"content-type": "application/json"})
    assert len(ids(answer)) == 1


def connect(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_slow_clients_and_long_heads_are_sent_away(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ARRIVAL_SECONDS", 0.5)
    head = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    for sent in (b"", b"GET / HT", head):
        with connect(shared.address) as slow:
            began = time.monotonic()
            slow.sendall(sent)
            assert slow.recv(99).startswith(b"HTTP/1.1 408")
            assert time.monotonic() - began < 5
    with connect(shared.address) as long:
        long.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000)
        assert long.recv(99).startswith(b"HTTP/1.1 431")


def test_connections_are_bounded(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 20)
    held = [connect(shared.address) for _ in range(30)]
    turned_away = 0
    for one in held[20:]:
        turned_away += one.recv(99).startswith(b"HTTP/1.1 503")
    assert turned_away == 10
    for one in held:
        one.close()
    deadline = time.monotonic() + 5
    while httpx.get(f"{shared.address}/health", trust_env=False).status_code != 200:
        assert time.monotonic() < deadline


def test_the_verbs_of_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from promptrec.cli.keys import keys_create, keys_list, keys_revoke

    keys_create("shop", "read, write", 5.0, tmp_path, as_json=True)
    made = json.loads(capsys.readouterr().out)
    assert KeyRing(tmp_path / "keys.json").find(made["token"]) is not None
    keys_list(tmp_path, as_json=True)
    listed = json.loads(capsys.readouterr().out)
    assert [(key["name"], key["scopes"], key["rate"]) for key in listed] == [("shop", ["read", "write"], 5.0)]
    assert "hash" not in listed[0]
    keys_revoke(made["id"], tmp_path)
    assert "revoked" in capsys.readouterr().out
    assert KeyRing(tmp_path / "keys.json").keys() == []
