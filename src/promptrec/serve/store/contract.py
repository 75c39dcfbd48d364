"""What every event store is to the service."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

Durability = Literal["full", "fast"]
"""full: what `append` returned from survives a crash of the machine. fast: it survives a killed process, but a crash of
the machine or a power cut may lose what was acknowledged in the last second."""


class StoreUnavailableError(Exception):
    """The store cannot be reached or written at the moment; nothing of the call was acknowledged. Try again later."""


@dataclass(frozen=True)
class StoredEvent:
    """One thing that one person did; time: epoch seconds; an event_id is stored once, however often it is sent."""

    user_id: str
    item_id: str
    kind: str
    value: float | None
    time: float
    event_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    recommendation_id: str | None = None


@dataclass(frozen=True)
class ItemChange:
    """One change of the catalogue; number: its place in the order of all changes; item: its columns, None: deleted."""

    number: int
    item_id: str
    item: Mapping[str, Any] | None


class EventStore(ABC):
    """Events of the live service and changes of its catalogue; used by many threads and several processes at once.

    Every method raises StoreUnavailableError where the store cannot be reached.
    """

    def append(self, events: Sequence[StoredEvent]) -> int:
        """Store all events or, on an error, none; return how many were new. One whose event_id is known is left out."""
        return self.submit(events).result()

    @abstractmethod
    def submit(self, events: Sequence[StoredEvent]) -> Future[int]:
        """`append` for callers that wait elsewhere. Calls that wait at one moment are committed together."""

    @abstractmethod
    def history(self, user_id: str, n: int, after: int = 0) -> list[StoredEvent]:
        """The latest `n` events of a person that were stored after the cursor `after`, oldest first."""

    @abstractmethod
    def since(self, cursor: int, n: int = 10_000, user_id: str | None = None) -> list[tuple[int, StoredEvent]]:
        """Up to `n` events stored after `cursor` (0: from the beginning), each with its own cursor, in order.

        A reader that goes on from the last cursor it saw misses no event. user_id: only this person's.
        """

    @abstractmethod
    def erase(self, user_id: str) -> int:
        """Remove every event of a person; return how many. SQLite overwrites their bytes in its files."""

    @abstractmethod
    def change_item(self, item_id: str, item: Mapping[str, Any] | None) -> int:
        """Record that an item is new or changed (its columns) or deleted (None); return the number of the change."""

    @abstractmethod
    def item_changes(self, after: int = 0) -> list[ItemChange]:
        """The latest change of each item among the changes after number `after`, in order."""

    @abstractmethod
    def count_shown(self, shown: Mapping[str, int]) -> None:
        """Add to the number of recommendations of each arm (`engine/shown.py`)."""

    @abstractmethod
    def clicks(self) -> dict[str, tuple[int, int]]:
        """For each arm how many recommendations were shown, and how many of them an event carries the id of."""

    @abstractmethod
    def close(self) -> None:
        """Commit what waits and let go of the database."""
