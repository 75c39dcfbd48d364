from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contracts.world import told_more
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt
from promptrec.recommender import Recommender
from promptrec.tune.profile import tune_profile


@pytest.fixture(scope="module")
def recommender(trained_with_room: Path, tmp_path_factory: pytest.TempPathFactory) -> Recommender:
    return Recommender.load(told_more(trained_with_room, tmp_path_factory.mktemp("profile") / "workspace"))


@pytest.fixture(scope="module")
def cold(recommender: Recommender) -> Prompt:
    before = recommender.backbone.fingerprint
    prompt = tune_profile(recommender, "newcomers", below=3)
    assert recommender.backbone.fingerprint == before
    return prompt


def share(recommender: Recommender, kind: str, **arguments: object) -> float:
    answer = recommender.recommend(k=10, **arguments)  # type: ignore[arg-type]
    return float(np.mean([item.id[0] == kind for item in answer]))


@pytest.mark.parametrize(("likes", "kind"), [("Comedy", "C"), ("War", "W"), ("Romance", "R")])
def test_a_person_without_events_gets_what_their_attributes_say(
    recommender: Recommender, cold: Prompt, likes: str, kind: str
) -> None:
    assert share(recommender, kind, prompt=cold.name, profile={"likes": likes}) >= 0.8


def test_any_attribute_may_be_missing_and_unknown_words_count_as_missing(
    recommender: Recommender, cold: Prompt
) -> None:
    everything = {"likes": "War", "age": 30}
    for profile in ({}, {"age": 30}, {"age": None, "likes": "War"}, {"likes": "Opera"}, everything):
        assert len(recommender.recommend(prompt=cold.name, profile=profile, k=5).items) == 5
    plain, unknown = (recommender.recommend(prompt=cold.name, profile=p, k=5) for p in ({}, {"likes": "Opera"}))
    assert [item.id for item in plain] == [item.id for item in unknown]
    assert share(recommender, "W", prompt=cold.name, profile={"age": "30"}) > share(recommender, "W", prompt=cold.name)


@pytest.mark.parametrize(
    ("profile", "says"),
    [({"colour": "red"}, "'colour' is unknown; known are"), ({"age": "old"}, "age must be a number")],
)
def test_a_profile_that_cannot_be_read_is_refused(
    recommender: Recommender, cold: Prompt, profile: dict[str, object], says: str
) -> None:
    with pytest.raises(PromptrecError, match=says):
        recommender.recommend(prompt=cold.name, profile=profile)


def test_it_beats_the_frozen_model_and_popularity_on_cold_test_people(cold: Prompt) -> None:
    test = cold.card["test"]
    assert test["ndcg@10"]["difference"]["low"] > 0
    assert test["ndcg@10 against popularity"]["difference"]["low"] > 0


def test_where_the_workspace_says_so_it_applies_by_itself_to_people_with_few_events(
    recommender: Recommender, cold: Prompt
) -> None:
    likes = min(("Comedy", "War", "Romance"), key=lambda kind: share(recommender, kind[0]))
    person = {"likes": likes}
    assert share(recommender, likes[0], profile=person) < 0.5
    recommender.library.set_cold(cold.name)
    try:
        answer = recommender.recommend(profile=person, k=10)
        assert [part["name"] for part in answer.prompts] == [cold.name]
        assert share(recommender, likes[0], profile=person) >= 0.8
        assert recommender.recommend(["C0", "C1", "C2"], profile=person).prompts == ()  # three events are enough
        both = recommender.recommend(profile=person, request="war", k=10)
        assert [part["name"] for part in both.prompts] == [cold.name, "request"]
        with pytest.raises(PromptrecError, match="serves people with few events"):
            recommender.library.delete(cold.name)
    finally:
        recommender.library.set_cold(None)
    assert recommender.recommend(profile=person, k=10).prompts == ()


def test_only_a_profile_prompt_serves_newcomers_by_itself(recommender: Recommender) -> None:
    recommender.library.save(recommender.requests.prompt("war", "only-words"))
    with pytest.raises(PromptrecError, match="is a text prompt"):
        recommender.library.set_cold("only-words")


def test_without_attributes_of_people_there_is_no_profile_prompt(request: pytest.FixtureRequest) -> None:
    plain = Recommender.load(request.getfixturevalue("trained"))
    with pytest.raises(PromptrecError, match="--users"):
        tune_profile(plain, "newcomers")
