"""How often each prompt answered, so that what people follow can be told apart by prompt.

A recommendation's id ends with its arm: what steered it. Nothing is kept of single recommendations and nothing of the
person; an event that carries the id says by itself which arm was followed, also after a restart and to another worker.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from secrets import token_hex

from promptrec.rank.answer import Recommendation
from promptrec.serve.store import EventStore, StoreUnavailableError

log = logging.getLogger("promptrec.serve")
EVERY = 1.0  # seconds
NONE, WORDS, FALLBACK = ":none", ":words", ":fallback"
MOST_ARM = 150


def arm_of(found: Recommendation) -> str:
    """NAME@VERSION of the saved prompts, with + between, else whether a request or picture, nothing or the fallback."""
    if found.fallback:
        return FALLBACK
    if not found.prompts:
        return NONE
    # A request's own prompt is never saved, so it has no version.
    saved = sorted(f"{part['name']}@{part['version']}" for part in found.prompts if part["version"])
    arm = "+".join(saved) or WORDS
    return arm if len(arm) <= MOST_ARM else f"{saved[0]}+:{len(saved) - 1}"


def new_id(found: Recommendation) -> str:
    """A recommendation's id: 32 digits, a dot, its arm."""
    return f"{token_hex(16)}.{arm_of(found)}"


class Shown:
    """Counts in memory and adds to the store's counts once a second; a crash loses that second."""

    def __init__(self, store: EventStore) -> None:
        self._store = store
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shown", daemon=True)
        self._thread.start()

    def add(self, recommendation_id: str) -> None:
        """Count one recommendation that was given to a caller."""
        with self._lock:
            self._waiting[recommendation_id.partition(".")[2]] += 1

    def flush(self) -> None:
        """Store what was counted; what cannot be stored now is stored later."""
        with self._lock:
            taken, self._waiting = self._waiting, Counter()
        if not taken:
            return
        try:
            self._store.count_shown(taken)
        except StoreUnavailableError as error:
            log.warning("%s", error)
            with self._lock:
                self._waiting += taken

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY):
            self.flush()
