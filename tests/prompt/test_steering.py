"""How prompts, mixes, slots and weights reach a recommendation."""

from __future__ import annotations

import numpy as np
import pytest

from promptrec.errors import PromptrecError
from promptrec.prompt.slots import Slots
from promptrec.recommender import Recommender
from promptrec.tune.write import write

COMEDIES = ["C0", "C1", "C2", "C3"]


@pytest.fixture(scope="module")
def steered(recommender: Recommender) -> Recommender:
    for word in ("war", "romance"):
        recommender.library.save(recommender.requests.prompt(word, f"{word}-words"))
    write(recommender, "more-of", "{interests}")
    return recommender


def share(recommender: Recommender, kind: str, **arguments: object) -> float:
    answer = recommender.recommend(k=10, **arguments)  # type: ignore[arg-type]
    return float(np.mean([item.id[0] == kind for item in answer]))


def test_a_mix_by_weights_lies_between_its_parts(steered: Recommender) -> None:
    def scores(weights: object) -> float:
        answer = steered.recommend(COMEDIES, prompt=weights, k=41)  # type: ignore[arg-type]
        return float(np.mean([item.score for item in answer if item.id[0] == "W"]))

    found = [scores({"war-words": weight, "romance-words": 1 - weight}) for weight in (1.0, 0.7, 0.3, 0.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[1] > found[2] > found[3]
    assert scores([("war-words", 7), ("romance-words", 3)]) == pytest.approx(found[1])
    assert found[0] == pytest.approx(scores("war-words"))


@pytest.mark.parametrize("weights", [{}, {"war-words": -1.0}, {"war-words": 0.0}, {"war-words": float("nan")}])
def test_weights_without_sense_are_refused(steered: Recommender, weights: dict[str, float]) -> None:
    with pytest.raises(PromptrecError, match="weights"):
        steered.recommend(COMEDIES, prompt=weights)


def test_the_weight_of_a_request_leads_from_the_history_to_the_words(steered: Recommender) -> None:
    def answer(weight: float) -> list[str]:
        return [i.id for i in steered.recommend(COMEDIES, request="war", request_weight=weight, k=10)]

    assert answer(0) == [item.id for item in steered.recommend(COMEDIES, k=10)]
    assert answer(0.5) == [item.id for item in steered.recommend(COMEDIES, request="war", k=10)]
    shares = [np.mean([id_[0] == "W" for id_ in answer(weight)]) for weight in (0, 0.02, 0.5, 1)]
    assert shares == sorted(shares)
    assert shares[0] < 0.5 < 0.9 < shares[-1]
    with pytest.raises(PromptrecError, match="request_weight"):
        answer(1.5)


def test_slots_are_filled_from_the_history(steered: Recommender) -> None:
    slots = Slots(steered.catalogue)
    history, _ = steered.catalogue.history(["W0", "C1", "W2"])
    assert slots.fill("{interests} please", history) == "War please"
    assert slots.fill("more like  {history}", history).startswith("more like War film number 2, Comedy film number 1")
    assert slots.fill("{attributes}", history) == "War"
    assert slots.fill("{interests}", history.last(0)) == ""


def test_a_prompt_and_a_request_with_slots_follow_the_person(steered: Recommender) -> None:
    history = ["R1", "R4", "W8", "R7"]
    assert share(steered, "R", history=history, prompt="more-of") == 1.0
    assert share(steered, "R", history=history, request="{interests}") == 1.0
    assert share(steered, "C", history=COMEDIES, prompt="more-of") == 1.0
    asked = steered.recommend([], request="{interests}", k=5)
    empty, plain = (steered.recommend([], prompt=prompt, k=5) for prompt in ("more-of", None))
    assert [item.id for item in asked] == [item.id for item in plain]
    assert [item.id for item in empty] == [item.id for item in plain]


def test_a_request_and_a_prompt_are_used_together(steered: Recommender) -> None:
    answer = steered.recommend(COMEDIES, request="war", prompt="romance-words", k=10)
    assert [(part["name"], part["weight"]) for part in answer.prompts] == [("romance-words", 0.5), ("request", 0.5)]
