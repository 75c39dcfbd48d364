from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from answers import assert_problem, ids

from conftest import Service, running
from contracts.pictures import drawn
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender

ANSWER = {"recommendation_id", "items", "prompts", "request", "ignored", "fallback", "notes"}


def test_it_answers_what_the_command_prints(client: httpx.Client, shared: Service) -> None:
    query = {"history": ["C0", "no"], "request": "战争片", "prompt": "wars", "k": 3}
    answer = client.post("/v1/recommend", json=query).json()
    expected = Recommender.load(shared.workspace).recommend(["C0", "no"], "战争片", "wars", 3).as_dict()
    assert set(answer) == ANSWER
    assert [item["id"] for item in answer["items"]] == [item["id"] for item in expected["items"]]
    for item, other in zip(answer["items"], expected["items"], strict=True):
        assert item["score"] == pytest.approx(other["score"], abs=2e-4)
        assert item["reasons"] == list(other["reasons"])
    assert answer["ignored"] == ["no"]
    assert [prompt["name"] for prompt in answer["prompts"]] == ["wars", "request"]
    assert answer["fallback"] is False


def test_an_event_changes_the_very_next_recommendation(service: Service) -> None:
    first = ids(service.client.post("/v1/recommend", json={"user_id": "p0", "k": 2}))
    event = {"user_id": "p0", "item_id": first[0], "kind": "view"}
    assert service.client.post("/v1/events", json={"events": [event]}).json() == {"accepted": 1, "duplicates": 0}
    assert first[0] not in ids(service.client.post("/v1/recommend", json={"user_id": "p0", "k": 2}))
    assert ids(service.client.post("/v1/recommend", json={"user_id": "somebody new", "k": 2}))


def test_a_batch_has_a_prompt_a_row(client: httpx.Client) -> None:
    rows = [
        {"history": ["C0"], "k": 3},
        {"history": ["C0"], "prompt": "wars", "k": 3},
        {"user_id": "p1", "request": "romance", "k": 3},
    ]
    answers = client.post("/v1/recommend/batch", json={"rows": rows}).json()["rows"]
    assert [answer["items"][0]["id"][0] for answer in answers] == ["C", "W", "R"]
    single = [client.post("/v1/recommend", json=row).json() for row in rows]
    assert [[item["id"] for item in one["items"]] for one in answers] == [
        [item["id"] for item in one["items"]] for one in single
    ]
    problem = client.post("/v1/recommend/batch", json={"rows": [rows[0], {"history": ["C0"], "prompt": "nope"}]})
    assert_problem(problem, 404, "rows.1: prompt 'nope'")
    assert_problem(client.post("/v1/recommend/batch", json={"rows": [rows[0]] * 1_001}), 422, "at most 1000")


def test_what_may_be_shown(client: httpx.Client) -> None:
    query = {"history": ["C0"], "k": 45, "explain": False}
    assert "C0" not in ids(client.post("/v1/recommend", json=query))
    assert "C0" in ids(client.post("/v1/recommend", json=query | {"seen": "include"}))
    filtered = query | {"filters": {"genres": {"any": ["War"]}}, "exclude": ["W0", "W1"]}
    assert set(ids(client.post("/v1/recommend", json=filtered))) == {f"W{n}" for n in range(2, 15)}
    allowed = query | {"allow": ["W0", "R0"], "diversity": 0.5}
    assert set(ids(client.post("/v1/recommend", json=allowed))) == {"W0", "R0"}
    wrong = query | {"filters": {"colour": {"eq": "red"}}}
    assert_problem(client.post("/v1/recommend", json=wrong), 404, "filters.colour")
    assert client.post("/v1/recommend", json=query).json()["items"][0]["reasons"] == []


def test_two_hundred_rows_at_once_are_what_each_is_alone(client: httpx.Client) -> None:
    rows = [{"history": [f"{'CWR'[n % 3]}{n % 15}"], "k": 5, "explain": n % 2 == 0} for n in range(200)]
    answers = client.post("/v1/recommend/batch", json={"rows": rows}).json()["rows"]
    for n in (0, 7, 101, 199):
        alone = ids(client.post("/v1/recommend", json=rows[n]))
        assert [item["id"] for item in answers[n]["items"]] == alone


def test_a_mix_of_prompts(client: httpx.Client) -> None:
    mixed = {"history": ["C0"], "prompt": [{"name": "wars", "weight": 3}, {"name": "laughs", "weight": 1}], "k": 3}
    answer = client.post("/v1/recommend", json=mixed).json()
    assert {prompt["name"]: prompt["weight"] for prompt in answer["prompts"]} == {"wars": 0.75, "laughs": 0.25}


@pytest.mark.parametrize(
    ("request_", "said"), [("καλή κωμωδία", "Greek"), ("123 !!", "no words"), ("喜剧 comedy", None)]
)
def test_a_language_that_is_not_known_still_answers(client: httpx.Client, request_: str, said: str | None) -> None:
    answer = client.post("/v1/recommend", json={"history": ["C0"], "request": request_, "k": 2}).json()
    assert len(answer["items"]) == 2
    assert (said in answer["notes"][0]) if said else answer["notes"] == []


@pytest.mark.parametrize(
    ("body", "status", "detail", "field"),
    [
        ({"history": ["C0"], "request": ""}, 422, "at least 1 character", "request"),
        ({"history": ["C0"], "request": " \n "}, 422, "is empty", "request"),
        ({"history": ["C0"], "request": "x" * 10_000}, 422, "at most 2000 characters", "request"),
        ({"history": ["C0"], "request": "a\x00b"}, 422, "match pattern", "request"),
        ({"history": ["C0"], "k": 0}, 422, "greater than or equal to 1", "k"),
        ({"history": ["C0"], "k": 101}, 422, "less than or equal to 100", "k"),
        ({"history": ["C0"], "k": 60}, 422, "k: expected 1 to 45", None),
        ({"history": ["C0"], "prompt": "nope"}, 404, "'nope'", None),
        ({"history": ["C0"], "prompt": "../../etc"}, 422, "match pattern", "prompt.constrained-str"),
        ({"history": ["no", "nor"]}, 422, "none of its 2 ids", None),
        ({"history": ["C0"] * 1_001}, 422, "at most 1000 items", "history"),
        ({"history": [50]}, 422, "valid string", "history.0"),
        ({"history": ["C0"], "user_id": "p0"}, 422, "exactly one of user_id and history", None),
        ({}, 422, "exactly one of user_id and history", None),
        ({"history": ["C0"], "reqest": "x"}, 422, "not permitted", "reqest"),
        ({"history": ["C0"], "image": "aGk="}, 422, "image: this model has learnt from none", None),
        ([], 422, "", None),
    ],
)
def test_bad_queries(client: httpx.Client, body: Any, status: int, detail: str, field: str | None) -> None:
    assert assert_problem(client.post("/v1/recommend", json=body), status, detail).get("field") == field


def test_where_the_model_fails_popular_items_answer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("a secret of the inside")

    monkeypatch.setattr(service.engine.current.recommender, "recommend", broken)
    query = {"history": ["C0"], "k": 3, "exclude": ["C1"], "allow": ["C0", "C1", "W1", "W2", "W3"]}
    answer = service.client.post("/v1/recommend", json=query).json()
    assert answer["fallback"] is True
    assert {item["id"] for item in answer["items"]} == {"W1", "W2", "W3"}
    assert "popular items" in answer["notes"][0]
    assert "secret" not in str(answer)
    assert "promptrec_fallbacks_total" in service.client.get("/metrics").text


def test_a_query_that_cannot_be_answered_is_no_failure_of_the_model(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: Any, **__: Any) -> Any:
        raise PromptrecError("k: too much")

    monkeypatch.setattr(service.engine.current.recommender, "recommend", refusing)
    assert_problem(service.client.post("/v1/recommend", json={"history": ["C0"]}), 422, "k: too much")


def test_the_short_way_and_the_declared_one_answer_alike(client: httpx.Client) -> None:
    queries: list[dict[str, object]] = [
        {"history": ["C0", "C1"], "request": "war", "k": 4},
        {"history": [], "prompt": [{"name": "wars"}, {"name": "laughs", "weight": 2}], "k": 3, "explain": False},
        {"history": ["C0", "nowhere"], "filters": {"genres": {"any": ["War"]}}, "diversity": 0.5, "seen": 3, "k": 2},
        {"history": ["nowhere"]},
        {"history": ["C0"], "prompt": "no-such"},
        {"history": ["C0"], "k": 0},
        {"history": ["C0"], "request": "\ud800"},
        {"user_id": "u", "history": []},
    ]
    for query in queries:
        body = json.dumps(query)
        # The parameter sends a call the declared way.
        answers = [
            client.post("/v1/recommend", content=body, headers={"content-type": kind})
            for kind in ("application/json", "application/json; charset=utf-8")
        ]
        short, declared = [{**one.json(), "recommendation_id": None} for one in answers]
        assert short == declared
        assert answers[0].status_code == answers[1].status_code
    assert client.post("/v1/recommend", content=b"{", headers={"content-type": "application/json"}).status_code == 400


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, pictured: Path) -> Iterator[Service]:
    """A service whose items have pictures."""
    place = tmp_path_factory.mktemp("seeing") / "workspace"
    shutil.copytree(pictured, place)
    with running(place) as service:
        yield service


def test_a_picture_steers(seeing: Service) -> None:
    picture = base64.b64encode(drawn("War", 999)).decode()
    found = seeing.client.post("/v1/recommend", json={"history": ["C1"], "image": picture})
    assert found.status_code == 200
    assert sum(item["id"][0] == "W" for item in found.json()["items"]) >= 8
    assert found.json()["prompts"][0]["name"] == "image"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (base64.b64encode(b"no picture").decode(), "image: the 10 bytes cannot be read"),
        ("AAA", "image: expected the base64"),
        ("A" * 900_004, "at most 900000"),
    ],
    ids=["no picture", "no base64", "too large"],
)
def test_what_is_no_picture_is_a_problem(seeing: Service, image: str, said: str) -> None:
    answer = seeing.client.post("/v1/recommend", json={"history": ["C1"], "image": image})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]


def test_a_new_item_is_ranked_beside_items_with_pictures(seeing: Service) -> None:
    item = {"title": "War film number 99", "attributes": {"genres": ["War"]}}
    assert seeing.client.put("/v1/items/W99", json=item).status_code in (200, 201, 204)
    picture = base64.b64encode(drawn("War", 999)).decode()
    asked = {"history": ["C1"], "image": picture, "k": 20}
    assert "W99" in [item["id"] for item in seeing.client.post("/v1/recommend", json=asked).json()["items"]]
