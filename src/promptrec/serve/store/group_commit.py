"""Group commit: one thread writes; whatever waits while it commits goes into its next transaction together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

C = TypeVar("C")
R = TypeVar("R")
Operation = Callable[[C], Any]
MOST_AT_ONCE = 512


class GroupCommit(Generic[C]):
    """Runs operations in one thread, many of them in one transaction.

    transaction: takes operations, runs each so that a failing one undoes only itself, commits, and returns what each
    gave, an exception for one that failed. It raises where nothing was committed; then every caller gets that error.
    """

    def __init__(self, transaction: Callable[[list[Operation[C]]], list[Any]]) -> None:
        self._transaction = transaction
        self._waiting: queue.SimpleQueue[tuple[Operation[C], Future[Any]] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, operation: Callable[[C], R]) -> Future[R]:
        """Raises RuntimeError after `close`."""
        future: Future[R] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the event store is closed")
            self._waiting.put((operation, future))
        return future

    def close(self) -> None:
        """Commit what waits, then end the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            taken = [self._waiting.get()]
            while taken[-1] is not None and len(taken) < MOST_AT_ONCE and not self._waiting.empty():
                taken.append(self._waiting.get())
            ended = taken[-1] is None
            work = [one for one in taken if one is not None]
            if not work:
                continue
            try:
                results = self._transaction([operation for operation, _ in work])
            except Exception as error:
                results = [error] * len(work)
            for (_, future), result in zip(work, results, strict=True):
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
