"""Questions with known answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from promptrec.data.history import Histories, History

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """One or more answers an example: example i has the catalogue rows rows[offsets[i]:offsets[i + 1]].

    rows: (a,) int64; offsets: (n + 1,) int64, strictly rising.
    """

    rows: Ints
    offsets: Ints

    @classmethod
    def one_each(cls, rows: Ints) -> Answers:
        return cls(rows, np.arange(len(rows) + 1, dtype=np.int64))

    def counts(self) -> Ints:
        """(n,) how many answers each example has."""
        return np.diff(self.offsets)

    def owners(self) -> Ints:
        """(a,) the example that each answer belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1), self.counts())

    def places(self, chosen: Ints) -> Ints:
        """Where in `rows` the answers of the examples at `chosen` stand, example after example."""
        counts = self.counts()[chosen]
        stops = np.cumsum(counts)
        return np.repeat(self.offsets[:-1][chosen] - (stops - counts), counts) + np.arange(counts.sum())

    def take(self, chosen: Ints) -> Answers:
        """The answers of the examples at `chosen`."""
        offsets = np.concatenate([[0], np.cumsum(self.counts()[chosen])]).astype(np.int64)
        return Answers(self.rows[self.places(chosen)], offsets)


@dataclass(frozen=True)
class Examples:
    """Questions with known answers: the events of one person before a position, and what came then.

    people, positions: (n,) int64 into `histories`; a position counts from the person's first event.
    several: the answers, where they are not simply the item at the position. requests: what the people asked in words,
    where they did.
    """

    histories: Histories
    people: Ints
    positions: Ints
    several: Answers | None = None
    requests: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.people)

    @property
    def targets(self) -> Ints:
        """(n,) the catalogue row of each answer. Raises ValueError where examples have several."""
        rows = self.answers.rows
        if len(rows) != len(self):
            raise ValueError("these examples have several answers each")
        return rows

    @property
    def answers(self) -> Answers:
        if self.several is not None:
            return self.several
        return Answers.one_each(self.histories.rows[self.histories.offsets[self.people] + self.positions])

    def history(self, i: int) -> History:
        before = self.histories.slice(int(self.people[i]), 0, int(self.positions[i]))
        return before if self.requests is None else replace(before, asked=self.requests[i])

    def __iter__(self) -> Iterator[History]:
        return (self.history(i) for i in range(len(self)))

    def take(self, chosen: npt.NDArray[Any]) -> Examples:
        """The examples at `chosen` (indices or a mask)."""
        indices = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        several = None if self.several is None else self.several.take(indices)
        requests = None if self.requests is None else tuple(self.requests[i] for i in indices)
        return Examples(self.histories, self.people[indices], self.positions[indices], several, requests)

    def apart(self) -> Examples:
        """The same questions with one answer each: a question with several is asked once for each of them."""
        if self.several is None:
            return self
        owners = self.several.owners()
        answers = Answers.one_each(self.several.rows)
        return Examples(self.histories, self.people[owners], self.positions[owners], answers)

    def known(self) -> tuple[Ints, Ints]:
        """The events of all histories in one block: their catalogue rows (e,), and (n + 1,) offsets into them."""
        offsets = np.concatenate([[0], np.cumsum(self.positions)]).astype(np.int64)
        starts = self.histories.offsets[self.people] - offsets[:-1]
        return self.histories.rows[np.repeat(starts, self.positions) + np.arange(offsets[-1])], offsets

    def hash(self, ids: Sequence[str]) -> str:
        """SHA-256 over who is asked, after how many events, for which items. ids: of the catalogue's rows."""
        digest = hashlib.sha256()
        answers = self.answers
        for i, (person, position) in enumerate(zip(self.people, self.positions, strict=True)):
            wanted = "\t".join(ids[row] for row in answers.rows[answers.offsets[i] : answers.offsets[i + 1]])
            digest.update(f"{self.histories.users[person]}\t{position}\t{wanted}\n".encode())
        return digest.hexdigest()


def distinct(histories: Histories, people: Ints, starts: Ints, stops: Ints) -> Answers:
    """The distinct items of the events starts[p]:stops[p] of each p of `people`, in the order of their first event."""
    found = []
    for person in people:
        first = histories.offsets[person]
        rows = histories.rows[first + starts[person] : first + stops[person]]
        found.append(rows[np.sort(np.unique(rows, return_index=True)[1])])
    offsets = np.concatenate([[0], np.cumsum([len(rows) for rows in found])]).astype(np.int64)
    return Answers(np.concatenate([np.empty(0, np.int64), *found]), offsets)
