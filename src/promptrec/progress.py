"""Progress of long work: on a terminal a bar, elsewhere a line now and then; always on stderr."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")
console = Console(stderr=True)


def progress(steps: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Pass `steps` through and show how many of `total` are done (`total` defaults to their length)."""
    yield from track(steps, description=description, total=total, console=console, transient=not console.is_terminal)


def say(message: str) -> None:
    """One line for the person who waits; stdout stays free for the result."""
    console.print(message, highlight=False, markup=False, soft_wrap=True)
