from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.tune.search import search, words_for
from promptrec.tune.task import task_of
from promptrec.tune.validation import Questions

WAR = "array_contains(genres, 'War')"
FAKE = textwrap.dedent(
    """
    import json, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Fake(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            open(sys.argv[1], "a").write(json.dumps(asked) + "\\n")
            body = json.dumps({"choices": [{"message": {"content": "1. war films, a night\\n- quiet gardens"}}]})
            self.send_response(200 if self.path == "/v1/chat/completions" else 404)
            self.end_headers()
            self.wfile.write(body.encode())
        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Fake)
    print(server.server_port, flush=True)
    server.serve_forever()
    """
)


def test_a_search_finds_the_words_of_its_scenario(recommender: Recommender) -> None:
    prompt = search(recommender, "found", WAR, "something romantic", budget=25)
    assert "war" in prompt.words.lower()
    assert prompt.kind == "text"
    assert prompt.card["evaluations"] <= 25
    start, best = prompt.card["steps"][0], max(step["validation"] for step in prompt.card["steps"])
    assert start["sentence"] == "something romantic"
    assert best > start["validation"]
    answer = recommender.recommend(["W0", "C1"], prompt="found", k=5)
    assert sum(item.id[0] == "W" for item in answer) >= 3


def test_among_the_items_of_a_scenario_others_do_not_count(recommender: Recommender) -> None:
    """Asking for romances costs war films their places only where romances are ranked as well."""
    task = task_of(recommender, WAR, None, None, 0)
    war = np.flatnonzero([id[0] == "W" for id in recommender.catalogue.ids])
    everywhere = words_for(recommender, task, "romance", 0, 1)[0]
    alone = words_for(recommender, task, "romance", 0, 1, candidates=war)[0]
    assert alone.score > everywhere.score + 0.3, "romances stand before them no more"
    questions = Questions(recommender.backbone, task.training, war)
    said = recommender.requests.prompt("romance")
    whole = Questions(recommender.backbone, task.training)
    assert whole.loss(said) > whole.loss(None) + 0.1
    assert questions.loss(said) < questions.loss(None) + 0.01
    assert questions.shift_gradient(said).norm() < 0.1 * whole.shift_gradient(said).norm()


def test_a_protected_phrase_stays_and_the_budget_is_kept(recommender: Recommender) -> None:
    prompt = search(recommender, "protected", WAR, "my old films", budget=12, protect=["old films"])
    assert len(prompt.card["steps"]) <= 12
    assert all("old films" in step["sentence"] for step in prompt.card["steps"])


def test_no_sentence_wins_that_falls_on_the_regression_set(recommender: Recommender) -> None:
    """Comedy lovers' events guard: whatever helps war scenes and hurts them is left aside."""
    guard = "array_contains(genres, 'Comedy')"
    prompt = search(recommender, "guarded", WAR, "comedy", budget=25, regression=guard)
    steps = {step["sentence"]: step for step in prompt.card["steps"]}
    assert steps[prompt.words]["regression"] >= steps["comedy"]["regression"] - 1e-9
    assert any(step["regression"] < steps["comedy"]["regression"] - 1e-9 for step in steps.values())


def test_the_same_seed_finds_the_same(recommender: Recommender) -> None:
    first, again = (search(recommender, "seeded", WAR, "films", budget=15, seed=4) for _ in range(2))
    assert first.card["steps"] == again.card["steps"]


def test_a_chinese_sentence_is_searched_in_chinese(recommender: Recommender) -> None:
    prompt = search(recommender, "chinese", WAR, "轻松的电影", budget=15)
    tried = [step["sentence"] for step in prompt.card["steps"]]
    assert any("战争片" in sentence for sentence in tried)
    assert not any(character.isascii() and character.isalpha() for sentence in tried for character in sentence)
    assert len(set(tried)) == len(tried)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    asked = tmp_path / "asked.jsonl"
    server = subprocess.Popen([sys.executable, "-c", FAKE, str(asked)], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1", asked
    server.terminate()
    server.wait()


def test_a_rewriter_proposes_and_validation_decides(recommender: Recommender, fake: tuple[str, Path]) -> None:
    url, asked = fake
    prompt = search(recommender, "rewritten", WAR, "a film", budget=20, rewriter=url, protect=["a "])
    tried = {step["sentence"]: step["from"] for step in prompt.card["steps"]}
    assert tried["war films, a night"] == "rewriting"
    question = json.loads(asked.read_text().splitlines()[0])["messages"][0]["content"]
    assert "a film" in question
    assert "Keep these phrases" in question


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"text": "war", "budget": 0}, "--budget"),
        ({"text": "war", "protect": ["peace"]}, "'peace'"),
        ({"text": "like {history}"}, "slots"),
        ({"text": "war", "rewriter": "http://127.0.0.1:9/v1"}, "no answer as of an OpenAI-compatible endpoint"),
        ({"text": "war", "regression": "rating = 9"}, "matches none"),
    ],
)
def test_what_cannot_be_searched_is_refused(recommender: Recommender, arguments: dict[str, object], says: str) -> None:
    with pytest.raises(PromptrecError, match=says):
        search(recommender, "refused", WAR, **arguments)  # type: ignore[arg-type]
    assert "refused" not in recommender.library.names()


def test_an_endpoint_that_answers_otherwise_is_named(recommender: Recommender, fake: tuple[str, Path]) -> None:
    url = fake[0].replace("/v1", "/v2")
    assert httpx.post(f"{url}/chat/completions", json={}).status_code == 404
    with pytest.raises(PromptrecError, match=r"--rewriter http.*404"):
        search(recommender, "refused", WAR, "war", rewriter=url)
