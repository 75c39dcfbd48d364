"""The one error that reaches a user: a clear line, never a stack trace."""

from __future__ import annotations


class PromptrecError(Exception):
    """Something the caller can mend: it names the place, what was expected, what was found and what to do.

    The command line prints the message and exits with 2; the service answers with a 4xx problem document.
    """


class NotFoundError(PromptrecError):
    """A name or id that nothing answers to (the service answers 404)."""
