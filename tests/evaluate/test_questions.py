"""What each protocol asks of a split, and when it must not be asked."""

from __future__ import annotations

import numpy as np
import pytest

from promptrec.data.history import Histories
from promptrec.data.split import Split
from promptrec.errors import PromptrecError
from promptrec.evaluate.questions import facts, questions


@pytest.fixture
def everybody() -> Histories:
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.permutation(30)[:9] for _ in range(60)]).astype(np.int64)
    times = np.tile(np.arange(9.0), 60)
    users = tuple(f"u{person}" for person in range(60))
    return Histories(users, np.arange(0, 541, 9), rows, times, np.full(540, np.nan))


def test_each_protocol_asks(everybody) -> None:
    matches = everybody.rows < 5
    plain, by_time = Split.of(everybody, 0), Split.of(everybody, 0, protocol="time")
    held = Split.of(everybody, 0, items_out=0.1)
    assert {part: len(asked) for part, asked in questions(plain, "leave-one-out").items()} == {
        "test": len(plain.training),
        "validation": len(plain.training),
    }
    assert set(questions(by_time, "time")) == {"test", "validation"}
    cold = questions(plain, "cold-people")
    assert {part: np.unique(asked.people).tolist() for part, asked in cold.items()} == {
        "test": plain.test.tolist(),
        "validation": plain.validation.tolist(),
    }
    assert len(cold["test"]) == 4 * len(plain.test)
    items = questions(held, "cold-items")
    assert np.isin(items["test"].targets, held.cold).all()
    assert not np.isin(items["warm"].targets, held.cold).any()
    scenario = questions(plain, "scenario", matches)
    assert (scenario["test"].targets < 5).all()
    assert np.isin(scenario["test"].people, plain.test).all()


def test_questions_that_the_model_has_seen_the_answers_of_are_refused(everybody) -> None:
    nobody_out = Split.of(everybody, 0, 0.0)
    for split, protocol, words in (
        (nobody_out, "time", "train --split time"),
        (nobody_out, "cold-items", "train --items-out"),
        (nobody_out, "cold-people", "train --people-out"),
        (Split.of(everybody, 0, protocol="time"), "leave-one-out", "train --split leave-one-out"),
        (nobody_out, "random", "expected one of leave-one-out, time, cold-people, cold-items, scenario"),
        (nobody_out, "scenario", "--scenario SQL"),
    ):
        with pytest.raises(PromptrecError, match=words):
            questions(split, protocol)
    with pytest.raises(PromptrecError, match="--scenario SQL"):
        questions(nobody_out, "leave-one-out", everybody.rows < 5)
    with pytest.raises(PromptrecError, match="train --people-out"):
        questions(nobody_out, "scenario", everybody.rows < 5)


def test_facts_are_all_that_is_needed_to_repeat(everybody) -> None:
    split = Split.of(everybody, 3, items_out=0.1)
    ids = [f"i{row}" for row in range(30)]
    found = facts(split, questions(split, "cold-items"), ids, "exclude")
    assert (found["hash"], found["seed"], found["items_out"], found["candidates"]) == (split.hash, 3, 3, 30)
    assert found["questions"]["test"]["hash"] == split.cold_items().hash(ids)
