from __future__ import annotations

import numpy as np

from promptrec.evaluate.noise import with_random_events


def test_a_tenth_more_events_and_the_same_questions(ask) -> None:
    rng = np.random.default_rng(0)
    people = [[*range(n), 90, 91] for n in rng.integers(0, 40, 300)]
    asked = ask(*people, answers=[2] * 300)
    noisy = with_random_events(asked, 1000, seed=3)
    assert np.array_equal(noisy.answers.rows, asked.answers.rows)
    added = noisy.positions - asked.positions
    assert 0.09 < added.sum() / asked.positions.sum() < 0.11
    assert (added <= np.ceil(asked.positions * 0.1)).all()
    for i in range(300):
        rows, own = noisy.history(i).rows.tolist(), asked.history(i).rows.tolist()
        kept = iter(rows)
        assert all(row in kept for row in own), "the real events keep their order"
        assert len(rows) == len(own) + added[i]
    again = with_random_events(asked, 1000, seed=3)
    assert np.array_equal(again.histories.rows, noisy.histories.rows)


def test_an_answer_is_never_given_away(ask) -> None:
    asked = ask(*([0, 1, 2, 3, 4, 5] for _ in range(200)))
    noisy = with_random_events(asked, 6, seed=0, share=1.0)
    known, offsets = noisy.known()
    assert np.diff(offsets).tolist() == [10] * 200
    assert not (known == 5).any()
