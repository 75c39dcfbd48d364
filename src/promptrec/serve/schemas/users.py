"""What is kept of one person."""

from __future__ import annotations

from typing import Any

from promptrec.serve.schemas.base import Given


class UserEvent(Given):
    event_id: str
    user_id: str
    item_id: str
    kind: str
    value: float | None
    time: float
    recommendation_id: str | None


class UserOut(Given):
    """Live events in the order they came; cursor: where to go on reading. dataset_events: those in the dataset."""

    events: list[UserEvent]
    cursor: int
    dataset_events: int


class ErasedOut(Given):
    """events: live ones erased; dataset_rows: rows erased from the dataset's files. still_held_by: trained artefacts
    that learnt from this person among others and hold that until they are trained again.
    """

    events: int
    dataset_rows: int
    still_held_by: list[dict[str, Any]]
