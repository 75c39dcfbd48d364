from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.index.contract import Kind
from promptrec.prompt.query import Query
from promptrec.recommender import Recommendation, Recommender

COMEDIES = ["C0", "C1", "C2", "C3"]


def ids(answer: Recommendation) -> list[str]:
    return [item.id for item in answer]


def kinds(ids: list[str]) -> set[str]:
    return {id_[0] for id_ in ids}


def test_an_unknown_person_gets_their_kind_and_nothing_seen(recommender: Recommender) -> None:
    answer = recommender.recommend(COMEDIES, k=3)
    assert kinds(ids(answer)) == {"C"}
    assert not set(ids(answer)) & set(COMEDIES)
    assert all(item.reasons for item in answer)


@pytest.mark.parametrize("request_", ["looking for war", "请给我推荐战争片"])
def test_a_request_in_an_unseen_wording_brings_what_it_asks_for(recommender: Recommender, request_: str) -> None:
    assert kinds(ids(recommender.recommend(COMEDIES, request=request_, k=5))) == {"W"}


def test_no_request_is_the_same_before_and_after_one(recommender: Recommender) -> None:
    before = recommender.recommend(COMEDIES, k=10)
    recommender.recommend(COMEDIES, request="romance", k=10)
    assert recommender.recommend(COMEDIES, k=10) == before


def test_unknown_ids_are_listed_as_ignored(recommender: Recommender) -> None:
    assert recommender.recommend(["C0", "nowhere"], k=1).ignored == ("nowhere",)


def test_an_empty_history_is_answered(recommender: Recommender) -> None:
    assert len(recommender.recommend([], k=3).items) == 3


@pytest.mark.parametrize("request_", [None, "romance"])
def test_only_what_may_be_shown_comes(recommender: Recommender, request_: str | None) -> None:
    plain = ids(recommender.recommend(COMEDIES, request_, k=30))
    excluded = ids(recommender.recommend(COMEDIES, request_, k=20, exclude=plain[:3]))
    assert excluded == plain[3:23]
    assert ids(recommender.recommend(COMEDIES, request_, k=3, allow=["W1", "C9", "R2"])) == [
        id_ for id_ in ids(recommender.recommend(COMEDIES, request_, k=41)) if id_ in ("W1", "C9", "R2")
    ]
    war = recommender.recommend(COMEDIES, request_, k=5, filters={"genres": {"any": ["War"]}})
    assert kinds(ids(war)) == {"W"}


def test_conditions_hold_together(recommender: Recommender) -> None:
    answer = recommender.recommend(
        COMEDIES, k=10, allow=["W1", "W2", "C9"], filters={"genres": {"none": ["Comedy"]}}, exclude=["W2"]
    )
    assert ids(answer) == ["W1"]
    assert answer.notes == ("1 of the 10 items asked for: no other may be shown",)


def test_seen_items_come_back_where_that_is_wanted(recommender: Recommender) -> None:
    now = time.time()
    history = [("C0", now - 40 * 86_400, "view"), ("C1", now - 3600, "view"), "C2"]
    assert {"C0", "C1", "C2"} <= set(ids(recommender.recommend(history, k=45, seen="include")))
    assert {"C0", "C1", "C2"} & set(ids(recommender.recommend(history, k=45, seen=30))) == {"C0"}


def test_diversity_brings_other_kinds(recommender: Recommender) -> None:
    plain, varied = (ids(recommender.recommend(COMEDIES, k=6, diversity=share)) for share in (0.0, 0.9))
    assert kinds(varied) == {"C", "W", "R"}
    assert sum(id_[0] == "C" for id_ in varied) < sum(id_[0] == "C" for id_ in plain)
    assert varied[0] == plain[0]


def test_unknown_ids_to_exclude_or_allow_are_ignored_and_listed(recommender: Recommender) -> None:
    answer = recommender.recommend(["C0", "x"], k=1, exclude=["y", "C1"], allow=["z", "C1", "C2"])
    assert (ids(answer), answer.ignored) == (["C2"], ("x", "y", "z"))


def test_a_script_that_the_encoder_does_not_know_is_answered_with_a_note(recommender: Recommender) -> None:
    answer = recommender.recommend(COMEDIES, request="ಹಾಸ್ಯ ಚಿತ್ರ", k=3)
    assert len(answer.items) == 3
    assert "Kannada" in answer.notes[0]
    assert recommender.recommend(COMEDIES, request="喜剧", k=3).notes == ()


@pytest.mark.parametrize("kind", ["exact", "int8", "binary"])
def test_every_index_gives_the_same_answer_here(trained: Path, recommender: Recommender, kind: Kind) -> None:
    other = Recommender.load(trained, index=kind)
    assert other.ranker.index.kind == kind
    here = recommender.recommend(COMEDIES, request="war", k=5)
    assert ids(other.recommend(COMEDIES, request="war", k=5)) == ids(here)


def test_the_index_gives_what_scoring_everything_gives(recommender: Recommender) -> None:
    history, _ = recommender.catalogue.history(COMEDIES)
    scores = recommender.backbone.score([Query(history=history)])[0]
    scores[history.rows] = -np.inf
    best = [recommender.catalogue.ids[row] for row in np.argsort(-scores, kind="stable")[:7]]
    assert ids(recommender.recommend(COMEDIES, k=7)) == best


def test_similar_items_are_of_the_same_kind_and_not_the_item(recommender: Recommender) -> None:
    found = recommender.similar("W4", k=5)
    assert kinds([item.id for item in found]) == {"W"}
    assert "W4" not in [item.id for item in found]
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
    assert all(item.score <= 1 for item in found)
    with pytest.raises(NotFoundError, match="'nowhere'"):
        recommender.similar("nowhere")
    with pytest.raises(PromptrecError, match="k: expected 1 to 45"):
        recommender.similar("W4", k=0)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"history": ["nowhere"]}, PromptrecError, "none of its 1 ids"),
        ({"history": COMEDIES, "k": 0}, PromptrecError, "expected 1 to 45"),
        ({"history": COMEDIES, "k": 46}, PromptrecError, "expected 1 to 45"),
        ({"history": COMEDIES, "request": "  "}, PromptrecError, "it is empty"),
        ({"history": COMEDIES, "request": "x" * 10_000}, PromptrecError, "10,000 characters"),
        ({"history": COMEDIES, "allow": ["nowhere"]}, PromptrecError, "allow: none of its 1 ids"),
        ({"history": COMEDIES, "diversity": 1.5}, PromptrecError, "diversity: expected 0"),
        ({"history": COMEDIES, "seen": "never"}, PromptrecError, "seen: expected exclude"),
        ({"history": COMEDIES, "filters": {"colour": {"eq": "red"}}}, NotFoundError, "it has genres"),
        ({"history": COMEDIES, "prompt": "unknown"}, NotFoundError, "'unknown' is not in this workspace"),
        ({"history": COMEDIES, "prompt": "../unknown"}, PromptrecError, "expected up to 64"),
    ],
)
def test_bad_calls_say_what_to_do(
    recommender: Recommender, arguments: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        recommender.recommend(**arguments)  # type: ignore[arg-type]


def test_a_corrupt_backbone_is_named(trained: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    weights = copy / "backbone" / "1" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(PromptrecError, match=r"weights\.safetensors"):
        Recommender.load(copy)
