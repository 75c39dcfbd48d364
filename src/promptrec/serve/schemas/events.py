"""What people did."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from promptrec.serve.schemas.base import MOST_ROWS, Given, Id, Number, Taken


class EventIn(Taken):
    """One thing a person did. An event_id is stored once, however often it is sent, so that a call can be repeated;
    without one, each call stores a new event. time: epoch seconds, now where it is left out. recommendation_id: the
    recommendation that the person followed.
    """

    event_id: Id | None = None
    user_id: Id
    item_id: Id
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    value: Number | None = None
    time: Annotated[float, Field(ge=0, le=1e11, allow_inf_nan=False)] | None = None
    recommendation_id: Id | None = None


class EventsIn(Taken):
    events: Annotated[list[EventIn], Field(min_length=1, max_length=MOST_ROWS)]


class EventsOut(Given):
    """accepted: new and stored; duplicates: known by their event_id."""

    accepted: int
    duplicates: int
