from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from promptrec.backbone.interface import Backbone, Pace
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.tune.transfer import NOTHING, transfer

WAR = "array_contains(genres, 'War')"


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is the order of things, not how far tuning gets."""
    monkeypatch.setattr(Backbone, "pace", Pace(steps=60))


@pytest.fixture
def fresh(world: Path, tmp_path: Path) -> Recommender:
    shutil.copytree(world, tmp_path / "copy", ignore=shutil.ignore_patterns("prompts"))
    return Recommender.load(tmp_path / "copy")


def test_the_related_prompt_is_ranked_first_and_started_from(fresh: Recommender) -> None:
    for words in ("romance", "war", "comedy"):
        fresh.library.save(fresh.requests.prompt(words, words))
    fresh.library.save(fresh.requests.prompt("like {history}", "slotted"))
    prompt = transfer(fresh, "few", WAR, limit=60, method="shift")
    assert next(row["name"] for row in prompt.card["ranked"]) == "war"
    assert {row["name"] for row in prompt.card["ranked"]} == {"war", "romance", "comedy", NOTHING}
    assert prompt.words.endswith("from war")
    tested = prompt.card["test"]["ndcg@10"]
    assert tested["with"]["value"] >= tested["without"]["value"]


def test_where_nothing_saved_helps_it_starts_from_nothing(fresh: Recommender) -> None:
    fresh.library.save(fresh.requests.prompt("romance", "romance"))
    assert transfer(fresh, "few", WAR, limit=8, method="shift").card["ranked"][0]["name"] == NOTHING


def test_without_a_saved_prompt_there_is_nothing_to_transfer(fresh: Recommender) -> None:
    with pytest.raises(PromptrecError, match="tune or search one first"):
        transfer(fresh, "few", WAR, limit=8)
