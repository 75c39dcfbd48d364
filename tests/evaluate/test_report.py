"""The numbers and the page of a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markupsafe import escape

from promptrec.data.history import History
from promptrec.errors import NotFoundError
from promptrec.evaluate.page import BEYOND, METRICS, write_report
from promptrec.evaluate.report import COMPARED, Model, evaluate_models
from promptrec.evaluate.requests import measure_request
from promptrec.evaluate.slices import by_activity, by_popularity
from promptrec.evaluate.yardstick import Yardstick
from promptrec.prompt.query import Query


def plain(history: History) -> Query:
    return Query(history=history)


def requested(history: History) -> Query:
    return Query(history=history, request="the last ones")


def test_request_by_hand(ask, fixed) -> None:
    mask = np.arange(30) >= 20
    asked = ask([0, 29], [1, 20], [2, 5])
    entry = measure_request(fixed(-np.arange(30)), asked, mask, plain, requested, "the last ones", "en", "Last")
    assert entry == {
        "text": "the last ones",
        "language": "en",
        "attribute": "Last",
        "share_without": 0.0,
        "share_with": 1.0,
        "ndcg_within_without": pytest.approx((1 / np.log2(11) + 1) / 2),
        "ndcg_within_with": pytest.approx((1 + 1 / np.log2(11)) / 2),
    }
    nobody = measure_request(fixed(-np.arange(30)), ask([2, 5]), mask, plain, requested, "x", "en", "Last")
    assert nobody["ndcg_within_with"] is None


@pytest.fixture
def models(ask, fixed) -> list[dict[str, Any]]:
    """Of 60 people asked for item 0 or 1, `good` puts both in front, `bad` last; `same` is `good` again."""
    asked = ask(*([2, 3, person % 2] for person in range(60)))
    scores = -np.arange(20)
    counts = np.ones(20, np.float32)
    yardstick = Yardstick(counts, 60, np.eye(20, dtype=np.float32), 0, classes=np.eye(20, dtype=np.float32))
    return evaluate_models(
        [
            Model(fixed(scores), "backbone", "good"),
            Model(fixed(scores), "prompt", "same"),
            Model(fixed(-scores), "baseline", "<bad> & co"),
        ],
        {"test": asked, "validation": asked},
        yardstick,
        [by_activity(asked), by_popularity(asked, counts)],
        asked,
        "good",
    )


def test_every_model_has_every_number(models) -> None:
    for model in models:
        assert set(model["metrics"]) == set(METRICS) | set(BEYOND) == set(model["validation"])
        assert model["slices"]["activity"]["1 to 4"]["examples"] == 60
        assert model["robustness"]["ndcg@10"] == model["metrics"]["ndcg@10"]
    assert models[0]["metrics"]["hr@10"] == {"value": 1, "low": 1, "high": 1}
    assert models[2]["metrics"]["hr@10"]["value"] == 0


def test_comparisons_tell_what_is_different_from_what_is_not(models) -> None:
    good, same, bad = models
    assert "against" not in good
    assert set(same["against"]) == set(COMPARED)
    assert same["against"]["ndcg@10"] == {"value": 0, "low": 0, "high": 0, "p": 1, "p_corrected": 1}
    found = bad["against"]["ndcg@10"]
    assert found["value"] == -good["metrics"]["ndcg@10"]["value"]
    assert found["low"] <= found["value"] <= found["high"] < 0
    assert found["p"] < 0.001
    assert found["p_corrected"] == pytest.approx(2 * found["p"])


def test_an_unknown_model_to_compare_with_is_an_error(ask, fixed) -> None:
    yardstick = Yardstick(np.ones(4, np.float32), 2, np.eye(4, dtype=np.float32), 0)
    with pytest.raises(NotFoundError, match=r"'best': no model.*there are fixed"):
        evaluate_models([Model(fixed([1, 2]), "baseline", "fixed")], {"test": ask([1])}, yardstick, against="best")


def test_the_page_shows_it_all_in_one_file(models, ask, fixed, tmp_path: Path) -> None:
    asked = ask([0, 3], [1, 2])
    request = measure_request(fixed([4, 3, 2, 1]), asked, np.arange(4) > 1, plain, requested, "<喜剧>", "zh", "Comedy")
    questions = {"test": {"examples": 60, "people": 60, "answers": 60, "hash": "1" * 64}}
    report = {
        "split": {
            "protocol": "time",
            "scenario": None,
            "hash": "0" * 64,
            "seed": 0,
            "people_out": 0.2,
            "cuts": [0.0, 86400.0],
            "items_out": 0,
            "candidates": 20,
            "seen": "include",
            "ties": "count against",
            "questions": questions,
        },
        "against": "good",
        "calibrated": "genres",
        "random_events": 0.1,
        "slices": [{"by": "activity", "about": "events"}, {"by": "popularity", "about": "the item"}],
        "models": models,
        "requests": [request],
        "seconds": {"train": 1.5},
    }
    write_report(tmp_path, report)
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert {key: written[key] for key in report} == report
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    for text in (*METRICS.values(), *BEYOND.values(), "1970-01-02 00:00 UTC", "Against good", "By popularity", "Holm"):
        assert str(escape(text)) in page, text
    assert "&lt;喜剧&gt;" in page
    assert "<bad>" not in page
    assert "src=" not in page
    write_report(tmp_path, report)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_report_of_nothing_is_a_page(tmp_path: Path) -> None:
    split = {"protocol": "leave-one-out", "hash": "", "seed": 0}
    write_report(tmp_path, {"split": split, "models": [], "requests": [], "seconds": {}})
    assert "No model was measured" in (tmp_path / "report.html").read_text(encoding="utf-8")
