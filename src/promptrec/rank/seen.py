"""What a person has seen is not recommended to them again, unless that is wanted."""

from __future__ import annotations

from typing import Any, Literal

from promptrec.data.catalogue import Rows
from promptrec.data.history import History
from promptrec.errors import PromptrecError

Seen = Literal["exclude", "include"] | float
DAY = 86_400.0


def seen_rows(history: History, seen: Any, now: float) -> Rows:
    """The rows that must not come again: with "exclude" those of the history, with "include" none, with a number those
    of the last so many days before `now` (epoch seconds) and those of unknown time. Raises PromptrecError for anything
    else.
    """
    if seen == "exclude":
        return history.rows
    if seen == "include":
        return history.rows[:0]
    if isinstance(seen, bool) or not isinstance(seen, int | float) or not seen > 0:
        raise PromptrecError(f"seen: expected exclude, include or a number of days above 0, found {seen!r}")
    kept: Rows = history.rows[~(history.times < now - seen * DAY)]
    return kept
