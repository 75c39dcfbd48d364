"""Histories with random events in them: what a careless click, a shared account or a bot does to a model."""

from __future__ import annotations

import numpy as np

from promptrec.data.examples import Examples
from promptrec.data.history import Histories
from promptrec.seeding import generator

SHARE = 0.1


def with_random_events(examples: Examples, n_items: int, seed: int, share: float = SHARE) -> Examples:
    """The same questions after histories that have `share` more events: random items at random places, never an answer.

    A history of 25 events gets two or three. A random event has the time of the event that it stands before.
    """
    rng = generator(seed, "random events")
    known, offsets = examples.known()
    lengths = np.diff(offsets)
    extra = np.floor(lengths * share + rng.random(len(lengths))).astype(np.int64)
    extra[lengths == 0] = 0
    owners = np.repeat(np.arange(len(examples)), extra)
    slots = rng.integers(lengths[owners]) if len(owners) else np.empty(0, np.int64)
    answers = examples.answers
    taken = np.sort(answers.owners() * n_items + answers.rows)
    items = rng.integers(n_items, size=len(owners))
    for _ in range(100):
        wrong = np.flatnonzero(np.isin(owners * n_items + items, taken))
        if not len(wrong):
            break
        items[wrong] = rng.integers(n_items, size=len(wrong))
    starts = examples.histories.offsets[examples.people]
    own = np.repeat(starts - offsets[:-1], lengths) + np.arange(len(known))
    order = np.argsort(np.concatenate([offsets[:-1][owners] + slots - 0.5, np.arange(len(known))]), kind="stable")
    histories = examples.histories
    copied = starts[owners] + slots
    noisy = Histories(
        tuple(histories.users[person] for person in examples.people),
        np.concatenate([[0], np.cumsum(lengths + extra)]).astype(np.int64),
        np.concatenate([items, known])[order],
        histories.times[np.concatenate([copied, own])][order],
        histories.values[np.concatenate([copied, own])][order],
    )
    return Examples(noisy, np.arange(len(examples)), lengths + extra, answers)
