from __future__ import annotations

from pathlib import Path

import pytest
from postgres import PostgresServer, fresh

from conftest import Service, running
from promptrec.client import Client, ServiceError
from promptrec.errors import NotFoundError
from promptrec.serve.schemas import EventIn, ItemIn, RecommendIn
from promptrec.serve.store import open_store


def test_every_call(service: Service) -> None:
    with Client(service.address) as client:
        assert client.ready().status == "ready"
        answer = client.recommend(history=["C0", "no"], request="war", k=3, explain=False)
        assert (len(answer.items), answer.ignored) == (3, ["no"])
        rows = client.recommend_batch([RecommendIn(user_id="p0", k=2), RecommendIn(history=[], prompt="wars", k=1)])
        assert [len(row.items) for row in rows] == [2, 1]
        sent = EventIn(user_id="ann/1", item_id="C0", kind="view", recommendation_id=answer.recommendation_id)
        assert client.send_events([sent]).accepted == 1
        assert client.user("ann/1").events[0].recommendation_id == answer.recommendation_id
        client.put_item("a/b c?", ItemIn(title="A zebra film", attributes={"genres": ["War"]}))
        assert client.item("a/b c?").attributes == {"genres": ["War"]}
        assert client.similar_items("a/b c?", k=2)[0].id.startswith("W")
        assert [found.id for found in client.find_items("ZEBRA")] == ["a/b c?"]
        client.delete_item("a/b c?")
        with pytest.raises(NotFoundError, match="was deleted"):
            client.item("a/b c?")
        assert [client.put_prompt("mood", text).version for text in ("war", "comedy")] == [1, 2]
        assert client.roll_back_prompt("mood").version == 1
        assert client.activate_prompt("mood", 2).active
        assert [prompt.version for prompt in client.prompts("mood")] == [1, 2]
        assert {prompt.name for prompt in client.prompts()} == {"laughs", "mood", "wars"}
        assert client.erase_user("ann/1").events == 1
        with pytest.raises(ServiceError, match="k: expected 1 to") as refused:
            client.recommend(history=["C0"], k=99)
        assert refused.value.status == 422


def test_a_service_that_does_not_answer_is_one_clear_line() -> None:
    with Client("http://127.0.0.1:1", retries=1) as client, pytest.raises(ServiceError, match="does not answer"):
        client.ready()


def test_events_are_sent_again_while_the_store_is_away(workspace: Path, postgres: PostgresServer) -> None:
    with running(workspace, store=open_store(fresh(postgres))) as service, Client(service.address, retries=0) as once:
        postgres.stop()
        try:
            with pytest.raises(ServiceError) as refused:
                once.send_events([EventIn(user_id="p0", item_id="C0", kind="view")])
            assert refused.value.status == 503
        finally:
            postgres.start()
        with Client(service.address) as client:
            assert client.send_events([EventIn(user_id="p0", item_id="C0", kind="view")]).accepted == 1
