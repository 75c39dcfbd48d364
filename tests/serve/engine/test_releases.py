from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from answers import ids

from conftest import Service, running
from promptrec.errors import PromptrecError
from promptrec.prompt.library import PromptLibrary
from promptrec.recommender import Recommender
from promptrec.serve.engine import engine
from promptrec.serve.engine.engine import Engine
from promptrec.serve.engine.request_cache import RequestCache
from promptrec.serve.schemas import RecommendIn
from promptrec.serve.store.sqlite import SqliteStore
from promptrec.workspace import Workspace, write_json


def next_backbone(workspace: Path, broken: bool = False) -> str:
    """Publish a copy of the backbone as the next version, truncated where it shall be broken."""
    folder = workspace / "backbone"
    version = max(int(child.name) for child in folder.iterdir() if child.name.isdigit()) + 1
    shutil.copytree(folder / "1", folder / str(version))
    if broken:
        weights = folder / str(version) / "weights.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1_000])
    write_json(folder / "current", {"schema_version": 1, "version": version})
    return str(version)


def wait_for(service: Service, label: str, seconds: float = 10.0) -> float:
    began = time.monotonic()
    while not service.client.get("/ready").json()["release"].startswith(label):
        assert time.monotonic() - began < seconds, f"release {label} did not come"
        time.sleep(0.02)
    return time.monotonic() - began


def test_a_release_is_swapped_while_calls_run(service: Service) -> None:
    failures: list[str] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            answer = service.client.post("/v1/recommend", json={"history": ["C0"], "request": "war", "k": 3})
            if answer.status_code != 200 or answer.json()["fallback"]:
                failures.append(answer.text)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        wait_for(service, f"{next_backbone(service.workspace)}.")
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_broken_release_is_refused_and_the_old_one_goes_on(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    broken = next_backbone(service.workspace, broken=True)
    service.engine.releases.refresh()
    assert service.engine.current.label.startswith("1.")
    assert ids(service.client.post("/v1/recommend", json={"history": ["C0"], "k": 3}))
    assert f"{broken}/weights.safetensors" in caplog.text
    assert "promptrec_rejected_releases_total" in service.client.get("/metrics").text
    # What else is new comes in, and the next good release does.
    service.client.put("/v1/items/new", json={"title": "New", "attributes": {"genres": ["War"]}})
    assert service.client.get("/v1/items/new").status_code == 200
    wait_for(service, f"{next_backbone(service.workspace)}.")
    assert service.client.get("/v1/items/new").status_code == 200


def test_a_self_test_that_fails_keeps_the_old_release(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def numbers_are_gone(*_: object, **__: object) -> object:
        raise PromptrecError("self-test: not a number")

    monkeypatch.setattr(Recommender, "recommend", numbers_are_gone)
    next_backbone(service.workspace)
    service.engine.releases.refresh()
    assert service.engine.current.label.startswith("1.")


def test_a_broken_prompt_stops_a_start_and_not_a_service(service: Service) -> None:
    library = PromptLibrary(service.workspace / "prompts")
    saved = library.save(service.engine.current.requests.prompt("romance", "wars"))
    tensors = service.workspace / "prompts" / "wars" / str(saved.version) / "prompt.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:-9])
    service.engine.releases.refresh()
    answer = service.client.post("/v1/recommend", json={"history": ["R0"], "prompt": "wars", "k": 1}).json()
    assert answer["prompts"][0]["version"] == 1
    with pytest.raises(PromptrecError, match=str(tensors)), running(service.workspace):
        pass


@pytest.mark.parametrize("file", ["backbone/1/weights.safetensors", "dataset/items.parquet", "backbone/current"])
def test_a_truncated_artefact_stops_the_start_with_its_name(workspace: Path, file: str) -> None:
    (workspace / file).write_bytes((workspace / file).read_bytes()[:-20])
    store = SqliteStore(workspace / "state.db")
    with pytest.raises(PromptrecError, match=file):
        Engine(Workspace(workspace), store)
    store.close()


def test_a_prompt_saved_elsewhere_is_seen_within_a_second(service: Service) -> None:
    PromptLibrary(service.workspace / "prompts").save(service.engine.current.requests.prompt("war", "elsewhere"))
    began = time.monotonic()
    query = {"history": ["C0"], "prompt": "elsewhere", "k": 1}
    while service.client.post("/v1/recommend", json=query).status_code == 404:
        assert time.monotonic() - began < 5
    assert time.monotonic() - began < 2  # a second, and room for a busy machine


def test_every_change_of_the_library_is_seen(service: Service) -> None:
    """A version more, another active version, the cold prompt and a deletion change nothing at the folder's top."""
    library, requests = PromptLibrary(service.workspace / "prompts"), service.engine.current.requests
    releases, labels = service.engine.releases, [service.engine.current.label]

    def changed() -> bool:
        releases.refresh()
        labels.append(service.engine.current.label)
        return labels[-1] != labels[-2]

    library.save(requests.prompt("war", "mood"))
    assert changed()
    library.save(requests.prompt("comedy", "mood"))
    assert changed()
    assert service.engine.current.prompts.active("mood") == 2
    library.activate("mood", 1)
    assert changed()
    assert service.engine.current.prompts.active("mood") == 1
    assert not changed()
    library.delete("mood")
    assert changed()
    assert "mood" not in service.engine.current.prompts.versions_in_use


def test_what_may_have_to_be_encoded_is_kept_out_of_the_event_loop(service: Service) -> None:
    for name, text in (("mood", "war"), ("again", "more like {history}")):
        service.client.put(f"/v1/prompts/{name}", json={"text": text})
    release = service.engine.current

    def brief(**asked: object) -> bool:
        return engine._brief(RecommendIn.model_validate({"history": ["C0"], "explain": False, **asked}), release)

    assert brief()
    assert brief(prompt="mood", request="war")
    assert not brief(prompt="again")
    assert not brief(prompt=[{"name": "mood"}, {"name": "again"}])
    assert not brief(request="something like {interests}")
    assert not brief(explain=True)
    release = replace(release, packed=None)  # as of a language model, which reads a history for a long time
    assert not brief()


def test_of_items_that_came_only_new_texts_are_encoded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = service.engine.current.base.requests.text_encoder
    own, encoded = encoder.encode, []

    def counting(texts: Sequence[str]) -> object:
        encoded.append([text.partition(".")[0] for text in texts])
        return own(texts)

    monkeypatch.setattr(encoder, "encode", counting)
    for id_, title in (("n1", "First"), ("n2", "Second"), ("n1", "First"), ("n1", "Third")):
        service.client.put(f"/v1/items/{id_}", json={"title": title, "attributes": {"genres": ["War"]}})
    assert encoded == [["First"], ["Second"], ["Third"]]
    vectors = service.engine.current.recommender.vectors[-2:]
    texts = service.engine.current.recommender.catalogue.texts[-2:]
    assert np.allclose(vectors, own(list(texts)), atol=1e-5)


def test_requests_are_encoded_once_and_the_cache_is_bounded(recommender_of_service: Recommender) -> None:
    encoded: list[str] = []

    class Counting:
        def prompt(self, request: str, name: str = "request") -> object:
            encoded.append(request)
            return recommender_of_service.requests.prompt(request, name)

    cache = RequestCache(Counting(), most=3)  # type: ignore[arg-type]
    for words in ("a", "b", "a", " a ", "c", "d", "b"):
        cache.prompt(words)
    assert encoded == ["a", "b", "c", "d", "b"]
    assert len(cache) == 3


@pytest.fixture
def recommender_of_service(trained_service: Path) -> Recommender:
    return Recommender.load(trained_service)


def test_histories_stay_known_until_the_items_change(service: Service) -> None:
    before = service.engine.current.packed
    assert before is not None
    service.client.put("/v1/prompts/tonight", json={"text": "war"})
    assert service.engine.current.prompts.versions_in_use["tonight"] == 1
    assert service.engine.current.packed is before
    service.client.put("/v1/items/new", json={"title": "New", "attributes": {"genres": ["War"]}})
    assert service.engine.current.packed not in (None, before)
