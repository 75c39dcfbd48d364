"""How the service is."""

from __future__ import annotations

from promptrec.serve.schemas.base import Given


class HealthOut(Given):
    """The process runs; items: how many it can recommend."""

    status: str
    items: int


class ReadyOut(Given):
    """A release is loaded and tested and the event store answers."""

    status: str
    release: str
