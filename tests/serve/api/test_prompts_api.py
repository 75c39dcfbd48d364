from __future__ import annotations

from answers import assert_problem, ids

from conftest import Service


def first(service: Service, prompt: str) -> str:
    return ids(service.client.post("/v1/recommend", json={"history": ["R0"], "prompt": prompt, "k": 1}))[0][0]


def test_words_become_a_version_that_answers_at_once(service: Service) -> None:
    made = service.client.put("/v1/prompts/mood", json={"text": "war"}).json()
    assert (made["version"], made["active"], made["words"], made["kind"]) == (1, True, "war", "text")
    assert first(service, "mood") == "W"
    service.client.put("/v1/prompts/mood", json={"text": "comedy"})
    assert first(service, "mood") == "C"
    cards = service.client.get("/v1/prompts/mood").json()["prompts"]
    assert [(card["version"], card["words"], card["active"]) for card in cards] == [
        (1, "war", False),
        (2, "comedy", True),
    ]
    assert service.client.get("/v1/prompts/mood/1").json()["words"] == "war"


def test_roll_back_and_activate(service: Service) -> None:
    service.client.put("/v1/prompts/mood", json={"text": "war"})
    kept = service.client.put("/v1/prompts/mood", json={"text": "comedy", "activate": False}).json()
    # A name without an activated version resolves to the newest one; this one was activated before.
    assert (kept["version"], kept["active"]) == (2, False)
    assert first(service, "mood") == "W"
    assert service.client.post("/v1/prompts/mood/activate", json={"version": 2}).json()["active"] is True
    assert first(service, "mood") == "C"
    assert service.client.post("/v1/prompts/mood/rollback").json()["version"] == 1
    assert first(service, "mood") == "W"
    assert_problem(service.client.post("/v1/prompts/mood/rollback"), 422, "there is none before it")
    assert_problem(service.client.post("/v1/prompts/mood/activate", json={"version": 9}), 404, "no version 9")


def test_names_cannot_leave_their_folder(service: Service) -> None:
    for name in ("..", "%2e%2e", "a/../../b", "..%2f..%2fx", ".hidden", "A", "x" * 65, "a%00"):
        answer = service.client.put(f"/v1/prompts/{name}", json={"text": "war"})
        assert answer.status_code in (404, 405, 422), name
    assert sorted(path.name for path in (service.workspace / "prompts").iterdir()) == ["laughs", "wars"]
    assert_problem(service.client.get("/v1/prompts/nope"), 404, "there are: laughs, wars")
