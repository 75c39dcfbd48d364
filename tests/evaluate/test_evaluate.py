"""`evaluate` as a whole, on the small world."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.recommender import Recommender
from promptrec.report import evaluate
from promptrec.training import train
from promptrec.workspace import Workspace

FEW = ("popularity", "item-knn")


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = Path(sys.executable).with_name("promptrec")
    return subprocess.run([path, *arguments], capture_output=True, text=True, timeout=120)


def value(report: dict, model: str, metric: str = "ndcg@10", part: str = "metrics") -> float:
    return next(entry for entry in report["models"] if entry["name"] == model)[part][metric]["value"]


def test_the_command_prints_the_report_that_it_writes(trained: Path) -> None:
    done = program("evaluate", "--baselines", "popularity,ease", "--slice", "genres", "-w", str(trained), "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) >= {"split", "models", "requests", "seconds"}
    assert (report["split"]["protocol"], report["split"]["seen"], report["against"]) == (
        "leave-one-out",
        "exclude",
        "sequence",
    )
    assert [(model["name"], model["kind"]) for model in report["models"]] == [
        ("sequence", "backbone"),
        ("popularity", "baseline"),
        ("ease", "baseline"),
    ]
    assert set(report["models"][0]["slices"]["genres"]) == {"Comedy", "War", "Romance"}
    assert report["calibrated"] == "genres"
    newest = max((trained / "runs").iterdir())
    written = json.loads((newest / "report.json").read_text(encoding="utf-8"))
    assert written["models"] == report["models"]
    assert "<svg" in (newest / "report.html").read_text(encoding="utf-8")


def test_a_model_that_knows_the_order_beats_popularity_significantly(recommender: Recommender, tmp_path: Path) -> None:
    report, _ = evaluate(recommender, Workspace(tmp_path), baselines=FEW, against="popularity")
    found = next(entry for entry in report["models"] if entry["name"] == "sequence")["against"]["ndcg@10"]
    assert found["low"] > 0
    assert found["p_corrected"] < 0.01
    again, _ = evaluate(recommender, Workspace(tmp_path), baselines=FEW, against="popularity")
    assert again["models"] == report["models"]


def test_cold_people_and_scenarios_ask_the_people_kept_out(recommender: Recommender, tmp_path: Path) -> None:
    report, _ = evaluate(recommender, Workspace(tmp_path), baselines=FEW, protocol="cold-people")
    assert list(report["models"][0]["slices"]["activity"]) == ["0", "1 to 2", "3 to 4", "5+"]
    report, folder = evaluate(recommender, Workspace(tmp_path), baselines=FEW, scenario="rating = 5")
    assert (report["split"]["protocol"], report["split"]["scenario"]) == ("scenario", "rating = 5")
    asked = report["split"]["questions"]["test"]
    assert asked["people"] <= len(recommender.split.test) < asked["examples"]
    assert "rating = 5" in (folder / "report.html").read_text(encoding="utf-8")


def test_seen_items_stay_where_asked_for(recommender: Recommender, tmp_path: Path) -> None:
    report, _ = evaluate(recommender, Workspace(tmp_path), baselines=FEW, seen="include")
    kept, _ = evaluate(recommender, Workspace(tmp_path), baselines=FEW)
    assert report["split"]["seen"] == "include"
    assert value(report, "item-knn") < value(kept, "item-knn"), "what people have is most like what they have"


@pytest.mark.parametrize("protocol", ["time", "cold-items"])
def test_a_model_trained_for_a_protocol_is_asked_by_it(protocol: str, trained: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "dataset").symlink_to(trained / "dataset")
    options = {"protocol": "time"} if protocol == "time" else {"items_out": 0.1}
    recommender = train(workspace, kind="factorization", **options)
    report, folder = evaluate(recommender, workspace, baselines=FEW, protocol=protocol)
    name = recommender.backbone.name
    if protocol == "time":
        assert report["split"]["cuts"] == list(recommender.split.cuts)
        assert value(report, name, "recall@10") > value(report, "popularity", "recall@10")
        assert Recommender.load(tmp_path).split.cuts == recommender.split.cuts
    else:
        cold = recommender.split.cold
        assert report["split"]["items_out"] == len(cold) == round(0.1 * 45)
        assert not np.isin(recommender.split.histories.rows, cold).any()
        assert value(report, "item-knn") < 0.2, "who goes by ids alone cannot tell unknown items apart"
        assert value(report, "item-knn", part="warm") > 0.2
        assert "items held out of training" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_cannot_be_asked_is_one_clear_error(recommender: Recommender, trained: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for options, error, words in (
        ({"protocol": "time"}, PromptrecError, "train --split time"),
        ({"protocol": "cold-items"}, PromptrecError, "train --items-out"),
        ({"protocol": "cold"}, PromptrecError, "expected one of"),
        ({"seen": "maybe"}, PromptrecError, "exclude or include"),
        ({"slices": ["colour"]}, NotFoundError, "colour"),
        ({"against": "best"}, NotFoundError, "no model of this report"),
        ({"scenario": "rating = 99"}, PromptrecError, "matches none"),
    ):
        with pytest.raises(error, match=words):
            evaluate(recommender, workspace, baselines=FEW, **options)
    done = program("evaluate", "--protocol", "time", "-w", str(trained))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
