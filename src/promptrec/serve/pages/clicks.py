"""Clicks per prompt: of the recommendations that each one answered, the share that an event carries the id of."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

from promptrec.serve.pages.plots import Interval, intervals
from promptrec.serve.store import EventStore

Z = 1.959964  # of a 95% interval
MOST_ARMS = 30
RARELY = 20  # counting takes at most one part in so many of the time


@dataclass(frozen=True)
class Arm:
    """steered: `:none`, `:words`, `:fallback` or the names of prompts with their versions (`engine/shown.py`)."""

    steered: str
    shown: int
    clicked: int
    line: Interval

    @property
    def prompt(self) -> tuple[str, str] | None:
        """Name and version where it is one prompt."""
        name, _, version = self.steered.partition("@")
        return (name, version) if version.isdigit() else None


class Clicks:
    """What the store counted, kept for as long as counting it again would take too much of the time."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._known: list[Arm] = []
        self._good_until = 0.0

    def arms(self) -> list[Arm]:
        """The arms that were shown most, most first. Raises StoreUnavailableError."""
        began = time.monotonic()
        if began >= self._good_until:
            self._known = arms(self._store.clicks())
            ended = time.monotonic()
            self._good_until = ended + RARELY * (ended - began)
        return self._known


def arms(counts: Mapping[str, tuple[int, int]]) -> list[Arm]:
    """(shown, clicked) of each arm with its share and interval, all on one scale."""
    most = sorted(counts.items(), key=lambda one: -one[1][0])[:MOST_ARMS]
    rows = []
    for steered, (shown, clicked) in most:
        low, high = wilson(clicked, shown)
        rows.append((steered, "prompt" if "@" in steered else "", {"value": clicked / shown, "low": low, "high": high}))
    return [Arm(line.label, *counts[line.label], line) for line in intervals(rows)]


def wilson(clicked: int, shown: int) -> tuple[float, float]:
    """The 95% interval of a share (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927): good also for few and for none."""
    share, room = clicked / shown, Z * Z / shown
    middle = (share + room / 2) / (1 + room)
    half = Z * math.sqrt(share * (1 - share) / shown + room / (4 * shown)) / (1 + room)
    return max(0.0, middle - half), min(1.0, middle + half)
