"""`tune --reranker` from a scenario to a saved prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from promptrec.cli import app
from promptrec.errors import PromptrecError
from promptrec.models import registry
from promptrec.prompt.exchange import export_prompts, import_prompts
from promptrec.prompt.library import PromptLibrary
from promptrec.recommender import Recommender
from promptrec.tune import lists
from promptrec.tune import reranker as tuning
from promptrec.tune.rebuild import rebuild
from promptrec.tune.reranker import tune_reranker


def test_a_reranker_is_tuned_chosen_scored_and_made_again(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry.fetch("smollm2-135m")
    for size, few in (("SCORED", 3), ("CHOOSES", 1), ("BATCH", 1), ("NEGATIVES", 1)):
        monkeypatch.setattr(tuning, size, few)
    monkeypatch.setattr(lists, "RERANKED", 10)
    made = tune_reranker(recommender, "second", "smollm2-135m", "rating = 5", seconds=0)
    assert made.kind == "reranker"
    assert made.backbone == recommender.backbone.fingerprint
    validation = made.card["validation"]["ndcg@10"]
    assert validation["with"]["value"] >= validation["without"]["value"]  # no share is one of those tried
    assert {"without", "with", "difference"} == set(made.card["test"]["ndcg@10"])
    again = Recommender.load(recommender.library.folder.parent).reranker("second")
    assert again.share == made.card["share"]
    export_prompts(recommender.library, ["second"], tmp_path / "second.zip")
    taken = import_prompts(PromptLibrary(tmp_path / "other"), tmp_path / "second.zip", made.backbone)
    assert taken[0].card["share"] == made.card["share"]
    assert made.name not in [row["name"] for row in rebuild(recommender)]
    assert rebuild(recommender, ["second"])[0]["version"] == 2


def test_what_a_reranker_does_not_take_is_refused(recommender: Recommender) -> None:
    workspace = str(recommender.library.folder.parent)
    command = ["tune", "refused", "--scenario", "rating = 5", "--reranker", "smollm2-135m", "-w", workspace]
    with pytest.raises(PromptrecError, match="leave the others out"):
        app([*command, "--method", "shift"], standalone_mode=False)
    with pytest.raises(PromptrecError, match="leave scenario, examples and start out"):
        app([*command, "--profile"], standalone_mode=False)
