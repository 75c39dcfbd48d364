"""Who is trained on and what is asked, on histories short enough to list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from promptrec.data.examples import Examples
from promptrec.data.history import Histories
from promptrec.data.split import Split
from promptrec.errors import PromptrecError


def histories(*people: Sequence[tuple[int, float]]) -> Histories:
    events = [event for own in people for event in own]
    return Histories(
        users=tuple(f"u{person}" for person in range(len(people))),
        offsets=np.concatenate([[0], np.cumsum([len(own) for own in people])]).astype(np.int64),
        rows=np.array([row for row, _ in events], np.int64),
        times=np.array([time for _, time in events], np.float64),
        values=np.full(len(events), np.nan),
    )


def in_order(people: int, events: int, items: int, seed: int = 0) -> Histories:
    rng = np.random.default_rng(seed)
    return histories(
        *([(int(row), float(t)) for t, row in enumerate(rng.permutation(items)[:events])] for _ in range(people))
    )


def asked(examples: Examples) -> list[tuple[str, list[int], list[int]]]:
    """Each example as (user, rows of the history, rows of the answers)."""
    answers = examples.answers
    return [
        (
            examples.histories.users[examples.people[i]],
            examples.history(i).rows.tolist(),
            answers.rows[answers.offsets[i] : answers.offsets[i + 1]].tolist(),
        )
        for i in range(len(examples))
    ]


def test_leave_one_out_asks_for_the_last_two_and_trains_on_the_rest() -> None:
    split = Split.of(histories([(1, 0), (2, 1), (3, 2), (4, 3)], [(5, 0), (6, 1)]), 0, 0.0)
    assert asked(split.asked("test")) == [("u0", [1, 2, 3], [4])]
    assert asked(split.asked("validation")) == [("u0", [1, 2], [3])]
    assert split.training_lengths().tolist() == [2, 2]


def test_a_time_split_cuts_all_histories_at_one_moment() -> None:
    people = [[(row, float(10 * person + row)) for row in range(10)] for person in range(10)]  # times 0 to 99
    split = Split.of(
        histories(*people, [(1, 5.0), (2, 85.0), (2, 86.0), (3, 95.0), (1, 96.0)]), 0, 0.0, protocol="time"
    )
    assert split.cuts is not None
    first, second = split.cuts
    assert (first, second) == (83.0, 91.0)
    ends = split.histories.offsets[split.training] + split.training_lengths()
    trained = np.concatenate([split.histories.times[a:b] for a, b in zip(split.histories.offsets, ends, strict=False)])
    assert sorted(trained) == sorted(split.histories.times[split.histories.times < first])
    assert asked(split.asked("validation")) == [
        ("u8", [0, 1, 2], [3, 4, 5, 6, 7, 8, 9]),
        ("u10", [1], [2]),  # twice in the period, asked for once
    ]
    assert asked(split.asked("test")) == [("u9", [0], [1, 2, 3, 4, 5, 6, 7, 8, 9]), ("u10", [1, 2, 2], [3, 1])]


def test_a_time_split_needs_times() -> None:
    with pytest.raises(PromptrecError, match="time of every event"):
        Split.of(histories([(1, np.nan), (2, 0.0)]), 0, 0.0, protocol="time")


def test_held_out_items_are_nowhere_in_training_and_all_asked_for() -> None:
    everybody = in_order(people=200, events=8, items=40)
    split = Split.of(everybody, 0, 0.2, items_out=0.1)
    assert len(split.cold) == 4
    assert not np.isin(split.histories.rows, split.cold).any()
    events = sum(np.isin(everybody.of(p).rows[1:], split.cold).sum() for p in range(200))
    found = split.cold_items()
    assert np.isin(found.targets, split.cold).all()
    only_cold_before = sum(
        bool(np.isin(everybody.of(p).rows[n], split.cold)) and np.isin(everybody.of(p).rows[:n], split.cold).all()
        for p in range(200)
        for n in range(1, 8)
    )
    assert len(found) == events - only_cold_before
    for user, before, (answer,) in asked(found)[:50]:
        own = everybody.of(int(user[1:])).rows.tolist()
        assert before == [row for row in own[: own.index(answer)] if row not in split.cold]


def test_which_items_are_held_out_does_not_depend_on_row_numbers() -> None:
    everybody = in_order(people=50, events=8, items=40)
    order = np.random.default_rng(1).permutation(40)
    renumbered = Histories(everybody.users, everybody.offsets, order[everybody.rows], everybody.times, everybody.values)
    one, other = (Split.of(h, 0, 0.2, items_out=0.2) for h in (everybody, renumbered))
    assert sorted(order[one.cold]) == other.cold.tolist()


def test_scenarios_match_the_same_events_with_items_held_out() -> None:
    everybody = in_order(people=30, events=8, items=20)
    matches = everybody.rows % 2 == 0
    split = Split.of(everybody, 0, 0.4, items_out=0.2)
    found = split.matching(split.test, matches)
    assert len(found)
    assert (found.targets % 2 == 0).all()
    assert not np.isin(found.targets, split.cold).any()


def test_cold_people_answer_after_each_number_of_events() -> None:
    split = Split.of(histories(*([(row, row) for row in range(n)] for n in (7, 6, 5, 9))), 0, 0.0)
    found = asked(split.cold_people(np.array([0, 1, 2]), (0, 1, 3, 5)))
    assert found == [(user, list(range(n)), [n]) for n in (0, 1, 3, 5) for user in ("u0", "u1")]


def test_hashes_tell_splits_apart() -> None:
    everybody = in_order(people=50, events=8, items=40)
    splits = [
        Split.of(everybody, 0),
        Split.of(everybody, 1),
        Split.of(everybody, 0, 0.1),
        Split.of(everybody, 0, items_out=0.1),
        Split.of(everybody, 0, protocol="time"),
    ]
    assert len({split.hash for split in splits}) == len(splits)
    assert Split.of(everybody, 0).hash == splits[0].hash
    ids = [str(row) for row in range(40)]
    questions = [splits[0].asked("test"), splits[0].asked("validation"), splits[1].asked("test")]
    assert len({examples.hash(ids) for examples in questions}) == 3


def test_shares_outside_0_to_1_are_errors() -> None:
    for people_out, items_out, name in ((1.0, 0.0, "--people-out"), (0.2, -0.1, "--items-out")):
        with pytest.raises(PromptrecError, match=name):
            Split.of(in_order(3, 3, 3), 0, people_out, items_out)
    with pytest.raises(PromptrecError, match=r"--split: expected one of leave-one-out, time, found .random."):
        Split.of(in_order(3, 3, 3), 0, protocol="random")


def test_taking_examples_takes_their_answers() -> None:
    split = Split.of(in_order(people=20, events=30, items=40), 0, 0.0, protocol="time")
    examples = split.asked("test")
    chosen = np.array([3, 0, 7])
    assert asked(examples.take(chosen)) == [asked(examples)[i] for i in chosen]
    mask = np.arange(len(examples)) % 2 == 0
    assert asked(examples.take(mask)) == asked(examples)[::2]
    with pytest.raises(ValueError, match="several answers"):
        _ = examples.targets
    alone = asked(examples.apart())
    assert alone[:2] == [(*asked(examples)[0][:2], [answer]) for answer in asked(examples)[0][2][:2]]
    assert len(alone) == len(examples.answers.rows)
