from __future__ import annotations

from pathlib import Path

import pytest

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.recommender import Recommender

COMEDIES = ["C0", "C1", "C2", "C3"]


def kinds(ids: list[str]) -> set[str]:
    return {id_[0] for id_ in ids}


def test_an_unknown_person_gets_their_kind_and_nothing_seen(recommender: Recommender) -> None:
    answer = recommender.recommend(COMEDIES, k=3)
    ids = [item.id for item in answer]
    assert kinds(ids) == {"C"}
    assert not set(ids) & set(COMEDIES)
    assert all(item.reasons for item in answer)


@pytest.mark.parametrize("request_", ["looking for war", "请给我推荐战争片"])
def test_a_request_in_an_unseen_wording_brings_what_it_asks_for(recommender: Recommender, request_: str) -> None:
    ids = [item.id for item in recommender.recommend(COMEDIES, request=request_, k=5)]
    assert kinds(ids) == {"W"}


def test_no_request_is_the_same_before_and_after_one(recommender: Recommender) -> None:
    before = recommender.recommend(COMEDIES, k=10)
    recommender.recommend(COMEDIES, request="romance", k=10)
    assert recommender.recommend(COMEDIES, k=10) == before


def test_unknown_ids_are_listed_as_ignored(recommender: Recommender) -> None:
    assert recommender.recommend(["C0", "nowhere"], k=1).ignored == ("nowhere",)


def test_an_empty_history_is_answered(recommender: Recommender) -> None:
    assert len(recommender.recommend([], k=3).items) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"history": ["nowhere"]}, PromptrecError, "none of its 1 ids"),
        ({"history": COMEDIES, "k": 0}, PromptrecError, "expected 1 to 45"),
        ({"history": COMEDIES, "k": 46}, PromptrecError, "expected 1 to 45"),
        ({"history": COMEDIES, "request": "  "}, PromptrecError, "it is empty"),
        ({"history": COMEDIES, "request": "x" * 10_000}, PromptrecError, "10,000 characters"),
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
