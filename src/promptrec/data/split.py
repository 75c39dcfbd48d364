"""Who is trained on, who is kept out, and which events are asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from promptrec.data.examples import Answers, Examples, distinct
from promptrec.data.history import Histories
from promptrec.errors import PromptrecError
from promptrec.seeding import generator

__all__ = ["Answers", "Examples", "Split"]

Ints = npt.NDArray[np.int64]
PROTOCOLS = ("leave-one-out", "time")
VALIDATION_FROM, TEST_FROM = 0.8, 0.9  # of a time split: the shares of all events that lie before the two cuts


@dataclass(frozen=True)
class Split:
    """People by role, and which events of the training people are trained on.

    With people_out = 0.2, a fifth of the people, give or take chance, is never trained on: half of it chooses prompts
    (`validation`), half tests them (`test`). A role follows from the seed and the person's id alone, so people who come
    or go later change nobody else's. The general model is measured on the training people, by one of two protocols:
    leave-one-out, where an event is trained on only when it is not among its person's last two (people with fewer than
    three events are trained on entirely); or a global time split, where events before `cuts[0]` are trained on, those
    from there to `cuts[1]` choose and those after it test.

    items_out: the share of the items with events that is held out of training altogether; `histories` has none of
    their events, `everything` has all, `cold` (c,) are their catalogue rows.
    """

    histories: Histories
    seed: int
    people_out: float
    training: Ints
    validation: Ints
    test: Ints
    protocol: str
    cuts: tuple[float, float] | None
    items_out: float
    everything: Histories
    cold: Ints

    @classmethod
    def of(
        cls,
        histories: Histories,
        seed: int,
        people_out: float = 0.2,
        items_out: float = 0.0,
        protocol: str = "leave-one-out",
    ) -> Split:
        """Raises PromptrecError for shares outside 0 to 1, another protocol, or a time split without times."""
        for option, share in (("--people-out", people_out), ("--items-out", items_out)):
            if not 0 <= share < 1:
                raise PromptrecError(f"{option}: expected a share from 0 up to, not including, 1, found {share}")
        if protocol not in PROTOCOLS:
            raise PromptrecError(f"--split: expected one of {', '.join(PROTOCOLS)}, found {protocol!r}")
        drawn = _drawn(histories.users, seed)
        cold = _cold_items(histories, items_out, seed)
        return cls(
            _without(histories, cold) if len(cold) else histories,
            seed,
            people_out,
            training=np.flatnonzero(drawn >= people_out),
            validation=np.flatnonzero(drawn < people_out / 2),
            test=np.flatnonzero((drawn >= people_out / 2) & (drawn < people_out)),
            protocol=protocol,
            cuts=_cuts(histories) if protocol == "time" else None,
            items_out=items_out,
            everything=histories,
            cold=cold,
        )

    @property
    def hash(self) -> str:
        """SHA-256 over the people of each role and, where they are not the default, the cuts and the items held out."""
        digest = hashlib.sha256()
        for role in (self.training, self.validation, self.test):
            digest.update("\n".join(self.histories.users[person] for person in role).encode() + b"\0")
        if self.cuts is not None:
            digest.update(repr(self.cuts).encode())
        if len(self.cold):
            digest.update(f"items out: {self.items_out}, seed {self.seed}".encode())
        return digest.hexdigest()

    def training_lengths(self) -> Ints:
        """(p,) for each training person how many events, from the first on, are trained on."""
        if self.cuts is not None:
            return self._before(self.cuts[0])[self.training]
        lengths = self.histories.lengths()[self.training]
        return np.where(lengths >= 3, lengths - 2, lengths)

    def asked(self, part: Literal["validation", "test"]) -> Examples:
        """What the general model is asked: its `validation` examples choose an epoch or a setting, `test` ones nothing.

        Leave-one-out asks for the last (test) or last but one event (validation); a time split for all distinct items
        of its period, of the training people with an event before it.
        """
        if self.cuts is None:
            return self.leave_one_out(from_end=1 if part == "test" else 2)
        starts = self._before(self.cuts[1 if part == "test" else 0])
        stops = self.histories.lengths() if part == "test" else self._before(self.cuts[1])
        people = self.training[(starts > 0)[self.training] & (stops > starts)[self.training]]
        return Examples(self.histories, people, starts[people], distinct(self.histories, people, starts, stops))

    def leave_one_out(self, from_end: int) -> Examples:
        """Ask for each training person's last (from_end = 1, test) or last but one event (from_end = 2, validation)."""
        lengths = self.histories.lengths()[self.training]
        people = self.training[lengths >= 3]
        return Examples(self.histories, people, self.histories.lengths()[people] - from_end)

    def cold_people(self, people: Ints, known: Sequence[int] = (0, 1, 3, 5)) -> Examples:
        """Ask people never trained on for their next event after each number in `known` of first events.

        The same people answer for every number: those with more events than the largest.
        """
        people = people[self.histories.lengths()[people] > max(known)]
        positions = np.repeat(np.array(known, np.int64), len(people))
        return Examples(self.histories, np.tile(people, len(known)), positions)

    def cold_items(self) -> Examples:
        """Ask for every event on a held-out item that has an event on another item before it."""
        kept = ~np.isin(self.everything.rows, self.cold)
        events = np.flatnonzero(~kept)
        people = np.searchsorted(self.everything.offsets, events, side="right") - 1
        before = np.concatenate([[0], np.cumsum(kept)])
        positions = before[events] - before[self.everything.offsets[people]]
        asked = positions > 0
        answers = Answers.one_each(self.everything.rows[events[asked]])
        return Examples(self.histories, people[asked].astype(np.int64), positions[asked].astype(np.int64), answers)

    def matching(self, people: Ints, matches: npt.NDArray[np.bool_]) -> Examples:
        """Every event of `people` that `matches` and has one before it.

        matches: a mask over the events of `histories`, or over those of `everything`. For training people, only events
        that were trained on are taken.
        """
        if len(matches) != len(self.histories.rows):
            matches = matches[~np.isin(self.everything.rows, self.cold)]
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

    def _before(self, moment: float) -> Ints:
        """(everybody,) how many events each person has before `moment`."""
        earlier = np.concatenate([[0], np.cumsum(self.histories.times < moment)]).astype(np.int64)
        counts: Ints = earlier[self.histories.offsets[1:]] - earlier[self.histories.offsets[:-1]]
        return counts


def _drawn(users: Sequence[str], seed: int) -> npt.NDArray[np.float64]:
    """(p,) a number from 0 to 1 for each person."""
    digests = (hashlib.sha256(f"{seed}\0split\0{user}".encode()).digest() for user in users)
    return np.fromiter((int.from_bytes(digest[:7]) / 2**56 for digest in digests), np.float64, len(users))


def _cold_items(histories: Histories, share: float, seed: int) -> Ints:
    """Drawn from the items in the order in which they first occur, so that row numbers carry no meaning."""
    if not share:
        return np.empty(0, np.int64)
    rows, first = np.unique(histories.rows, return_index=True)
    in_order = rows[np.argsort(first)]
    drawn = generator(seed, "cold items").permutation(len(in_order))[: round(len(in_order) * share)]
    return np.sort(in_order[drawn]).astype(np.int64)


def _without(histories: Histories, items: Ints) -> Histories:
    kept = ~np.isin(histories.rows, items)
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    events = histories.rows[kept], histories.times[kept], histories.values[kept]
    return Histories(histories.users, before[histories.offsets], *events)


def _cuts(histories: Histories) -> tuple[float, float]:
    if np.isnan(histories.times).any():
        raise PromptrecError(
            "--split time: needs the time of every event, and some have none; use --split leave-one-out"
        )
    first, second = np.quantile(histories.times, [VALIDATION_FROM, TEST_FROM], method="higher")
    return float(first), float(second)
