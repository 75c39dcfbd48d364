"""Histories as arrays: one person's (`History`) and everybody's (`Histories`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from promptrec.data.catalogue import Catalogue

Event = tuple[str, float | None, str]  # item id, epoch seconds or None, kind


@dataclass(frozen=True)
class History:
    """What one person did, oldest first, over catalogue rows.

    rows: (n,) int64; times: (n,) float64 epoch seconds, NaN where unknown; kinds: (n,) strings; asked: the words that
    the person asks in now, for models that read words.
    """

    rows: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    kinds: tuple[str, ...] = ()
    asked: str = ""

    @classmethod
    def of(cls, events: Sequence[tuple[int, float, str]]) -> History:
        return cls(
            rows=np.array([event[0] for event in events], dtype=np.int64),
            times=np.array([event[1] for event in events], dtype=np.float64),
            kinds=tuple(event[2] for event in events),
        )

    def __len__(self) -> int:
        return len(self.rows)

    def last(self, n: int) -> History:
        """The latest `n` events."""
        if n >= len(self):
            return self
        start = len(self) - n
        return History(self.rows[start:], self.times[start:], self.kinds[start:], self.asked)

    def without(self, position: int) -> History:
        """The history with the event at `position` left out."""
        keep = np.arange(len(self)) != position
        kinds = self.kinds[:position] + self.kinds[position + 1 :]
        return History(self.rows[keep], self.times[keep], kinds, self.asked)


EMPTY = History.of([])


@dataclass(frozen=True)
class Histories:
    """Everybody's events in one block: person p has the events offsets[p]:offsets[p + 1].

    users: (p,) ids; offsets: (p + 1,) int64; rows: (n,) int64; times: (n,) float64, NaN where unknown;
    values: (n,) float64, NaN where there is none.
    """

    users: tuple[str, ...]
    offsets: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    @classmethod
    def from_events(cls, events: pl.DataFrame, catalogue: Catalogue) -> Histories:
        """From a frame sorted by person and time, whose items all are in the catalogue."""
        lengths = events.group_by("user", maintain_order=True).len()
        return cls(
            users=tuple(lengths["user"].to_list()),
            offsets=np.concatenate([[0], np.cumsum(lengths["len"].to_numpy())]).astype(np.int64),
            rows=catalogue.rows(events["item"].to_list()),
            times=events["time"].fill_null(float("nan")).to_numpy(),
            values=events["value"].fill_null(float("nan")).to_numpy(),
        )

    def __len__(self) -> int:
        return len(self.users)

    def lengths(self) -> npt.NDArray[np.int64]:
        return np.diff(self.offsets)

    def slice(self, person: int, start: int, stop: int) -> History:
        """Events start:stop of a person (counted from that person's first)."""
        first = self.offsets[person]
        return History(self.rows[first + start : first + stop], self.times[first + start : first + stop])

    def of(self, person: int) -> History:
        return self.slice(person, 0, int(self.offsets[person + 1] - self.offsets[person]))
