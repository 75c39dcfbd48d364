from __future__ import annotations

import httpx
import pytest
from answers import assert_problem, ids

from conftest import Service, running

NEW = {"title": "War film of tomorrow", "description": None, "attributes": {"genres": ["War"]}}


def test_find_and_list(client: httpx.Client) -> None:
    assert client.get("/v1/items/C0").json()["attributes"] == {"genres": ["Comedy"]}
    assert ids(client.get("/v1/items", params={"q": "WÁR number 14"})) == ["W14"]
    assert ids(client.get("/v1/items", params={"limit": 2, "offset": 15})) == ["W0", "W1"]
    assert len(ids(client.get("/v1/items", params={"limit": 1_000}))) == 45
    assert_problem(client.get("/v1/items/nope"), 404, "'nope'")
    assert_problem(client.get("/v1/items", params={"q": ""}), 422, "q")


def test_similar(client: httpx.Client) -> None:
    found = ids(client.get("/v1/items/W3/similar", params={"k": 5}))
    assert len(found) == 5
    assert "W3" not in found
    assert {id_[0] for id_ in found} == {"W"}
    assert_problem(client.get("/v1/items/nope/similar"), 404, "'nope'")


def test_a_new_item_is_recommended_at_once_and_after_a_restart(service: Service) -> None:
    query = {"history": ["C0", "C1"], "request": "war", "k": 16, "explain": False}
    assert "tomorrow" not in ids(service.client.post("/v1/recommend", json=query))
    assert service.client.put("/v1/items/tomorrow", json=NEW).json() == {"id": "tomorrow", **NEW}
    assert "tomorrow" in ids(service.client.post("/v1/recommend", json=query))
    assert {id_[0] for id_ in ids(service.client.get("/v1/items/tomorrow/similar", params={"k": 3}))} == {"W"}
    assert ids(service.client.get("/v1/items", params={"q": "of tomorrow"})) == ["tomorrow"]
    with running(service.workspace) as again:
        assert "tomorrow" in ids(again.client.post("/v1/recommend", json=query))


def test_a_changed_item_has_its_new_title(service: Service) -> None:
    service.client.put("/v1/items/C2", json=NEW | {"title": "Renamed", "attributes": {"genres": ["Comedy"]}})
    assert service.client.get("/v1/items/C2").json()["title"] == "Renamed"
    assert len(ids(service.client.get("/v1/items", params={"limit": 99}))) == 45


def test_a_deleted_item_is_never_shown_again_until_it_is_put(service: Service) -> None:
    query = {"history": [], "k": 40, "request": "war", "explain": False}
    before = ids(service.client.post("/v1/recommend", json=query))
    assert service.client.delete(f"/v1/items/{before[0]}").status_code == 204
    for client in (service.client,):
        assert before[0] not in ids(client.post("/v1/recommend", json=query))
        assert before[0] not in ids(client.get(f"/v1/items/{before[1]}/similar", params={"k": 44}))
        assert before[0] not in ids(client.get("/v1/items", params={"q": "war", "limit": 99}))
        assert_problem(client.get(f"/v1/items/{before[0]}"), 404, "was deleted")
        assert f"/{before[0]}," not in client.get("/", params={"h": "W5", "request": "war"}).text
    with running(service.workspace) as again:
        assert before[0] not in ids(again.client.post("/v1/recommend", json=query))
        again.client.put(f"/v1/items/{before[0]}", json=NEW)
        assert before[0] in ids(again.client.post("/v1/recommend", json=query))


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"title": ""}, "title"),
        ({"attributes": {"colour": "red"}}, "attributes.colour: the catalogue has no such attribute; it has genres"),
        ({"attributes": {"genres": "War"}}, "attributes.genres: expected a list of words"),
        ({"attributes": {"genres": 5}}, "attributes.genres: expected a list of words"),
    ],
)
def test_bad_items(service: Service, change: dict[str, object], detail: str) -> None:
    assert_problem(service.client.put("/v1/items/x", json=NEW | change), 422, detail)
    assert service.engine.store.item_changes() == []


def test_titles_are_escaped(service: Service) -> None:
    service.client.put("/v1/items/evil", json=NEW | {"title": "<script>alert('x')</script>"})
    page = service.client.get("/", params={"h": "evil", "request": "<script>alert(2)</script>"})
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(2)" in page.text
