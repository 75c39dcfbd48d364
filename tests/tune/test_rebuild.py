from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from promptrec.backbone.interface import Backbone, Pace
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import mix
from promptrec.recommender import Recommender
from promptrec.tune.rebuild import rebuild
from promptrec.tune.tune import tune


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested here is the order of things, not how far tuning gets."""
    monkeypatch.setattr(Backbone, "pace", Pace(steps=60))


@pytest.fixture
def rebuilt(world: Path, tmp_path: Path) -> Recommender:
    """Another backbone, its parameters a little changed, over a workspace whose prompts were made for the first one."""
    shutil.copytree(world, tmp_path / "copy", ignore=shutil.ignore_patterns("prompts"))
    old = Recommender.load(tmp_path / "copy")
    tune(old, "stars", "rating = 5", "films with five stars", method="shift", limit=100)
    tune(old, "more-stars", "rating = 5", start="stars", method="shift", limit=100)
    old.library.save(old.requests.prompt("war", "words"))
    parts = [(old.library.load("more-stars"), 0.75), (old.library.load("words"), 0.25)]
    old.library.save(mix(parts, "a-mix"))
    new = Recommender.load(tmp_path / "copy")
    new.backbone.network.log_scale.data += torch.tensor(1e-4)  # type: ignore[attr-defined]
    new.backbone.fingerprint = "e" * 64
    return new


def test_everything_is_made_again_in_order_and_scores_as_before(rebuilt: Recommender) -> None:
    with pytest.raises(PromptrecError, match="was made for backbone"):
        rebuilt.recommend(["C0"], prompt="a-mix")
    rows = {row["name"]: row for row in rebuild(rebuilt)}
    assert list(rows) == ["a-mix", "more-stars", "stars", "words"]
    assert all((row["old_version"], row["version"], row["note"]) == (1, 2, "") for row in rows.values())
    for name in ("stars", "more-stars"):
        assert rows[name]["old"]["low"] <= rows[name]["new"]["value"] <= rows[name]["old"]["high"]
    assert [part["version"] for part in rebuilt.recommend(["C0"], prompt="a-mix").prompts] == [2, 2]
    assert rebuilt.library.versions("a-mix") == [1, 2]
    assert rebuild(rebuilt) == []


def test_a_prompt_without_a_recipe_is_noted_and_the_rest_goes_on(rebuilt: Recommender) -> None:
    from dataclasses import replace

    rebuilt.library.save(replace(rebuilt.library.load("stars"), name="bare", recipe={}))
    rows = {row["name"]: row for row in rebuild(rebuilt)}
    assert "no recipe" in rows["bare"]["note"]
    assert rows["stars"]["version"] == 2
