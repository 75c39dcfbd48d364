"""Who is trained on, who is kept out, and which events are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.data.history import Histories, History
from promptrec.errors import PromptrecError
from promptrec.seeding import generator

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """Questions with known answers: the events of one person before a position, and the item at that position.

    people, positions: (n,) int64 into `histories`; a position counts from the person's first event.
    """

    histories: Histories
    people: Ints
    positions: Ints

    def __len__(self) -> int:
        return len(self.people)

    @property
    def targets(self) -> Ints:
        """(n,) the catalogue row of each answer."""
        rows: Ints = self.histories.rows[self.histories.offsets[self.people] + self.positions]
        return rows

    def history(self, i: int) -> History:
        return self.histories.slice(int(self.people[i]), 0, int(self.positions[i]))

    def __iter__(self) -> Iterator[History]:
        return (self.history(i) for i in range(len(self)))

    def take(self, chosen: npt.NDArray[Any]) -> Examples:
        """The examples at `chosen` (indices or a mask)."""
        return Examples(self.histories, self.people[chosen], self.positions[chosen])


@dataclass(frozen=True)
class Split:
    """People by role; the training people's last two events are kept for leave-one-out.

    With people_out = 0.2, a fifth of the people is never trained on: half of it chooses prompts (`validation`), half
    tests them (`test`). Leave-one-out measures the general model on the training people: an event is trained on only
    when it is not among its person's last two (people with fewer than three events are trained on entirely).
    """

    histories: Histories
    seed: int
    people_out: float
    training: Ints
    validation: Ints
    test: Ints

    @classmethod
    def of(cls, histories: Histories, seed: int, people_out: float = 0.2) -> Split:
        if not 0 <= people_out < 1:
            raise PromptrecError(f"--people-out: expected a share from 0 up to, not including, 1, found {people_out}")
        order = generator(seed, "split").permutation(len(histories)).astype(np.int64)
        out = round(len(histories) * people_out)
        half = out // 2
        return cls(
            histories,
            seed,
            people_out,
            training=np.sort(order[out:]),
            validation=np.sort(order[:half]),
            test=np.sort(order[half:out]),
        )

    @property
    def hash(self) -> str:
        """SHA-256 over the people of each role."""
        digest = hashlib.sha256()
        for role in (self.training, self.validation, self.test):
            digest.update("\n".join(self.histories.users[person] for person in role).encode() + b"\0")
        return digest.hexdigest()

    def training_lengths(self) -> Ints:
        """(p,) for each training person how many events, from the first on, are trained on."""
        lengths = self.histories.lengths()[self.training]
        return np.where(lengths >= 3, lengths - 2, lengths)

    def leave_one_out(self, from_end: int) -> Examples:
        """Ask for each training person's last (from_end = 1, test) or last but one event (from_end = 2, validation)."""
        lengths = self.histories.lengths()[self.training]
        people = self.training[lengths >= 3]
        return Examples(self.histories, people, self.histories.lengths()[people] - from_end)

    def matching(self, people: Ints, matches: npt.NDArray[np.bool_]) -> Examples:
        """Every event of `people` that `matches` (a mask over the events of `histories`) and has one before it.

        For training people, only events that were trained on are taken: the last two stay unseen.
        """
        stops = self.histories.lengths()
        if np.array_equal(people, self.training):
            stops = stops.copy()
            stops[people] = self.training_lengths()
        found_people, found_positions = [], []
        for person in people:
            first = self.histories.offsets[person]
            positions = np.flatnonzero(matches[first + 1 : first + stops[person]]) + 1
            found_people.append(np.full(len(positions), person, dtype=np.int64))
            found_positions.append(positions.astype(np.int64))
        if not found_people:
            return Examples(self.histories, np.empty(0, np.int64), np.empty(0, np.int64))
        return Examples(self.histories, np.concatenate(found_people), np.concatenate(found_positions))
