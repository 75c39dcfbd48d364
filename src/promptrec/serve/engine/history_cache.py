"""What the network made of the latest histories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from hashlib import blake2b

import numpy as np

from promptrec.data.history import History
from promptrec.index.contract import Vectors
from promptrec.serve.metrics import CACHE

MOST_HISTORIES = 20_000  # 5 MB at width 64, and 3 MB of keys
FOUND, MISSED = CACHE.labels("histories", "hit"), CACHE.labels("histories", "miss")


class HistoryCache:
    """Vectors by what a history says: its events and their times, so that one event more asks for another vector and
    nothing has to be made invalid. The oldest give way to new ones. Any thread may ask.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[History]], Vectors],
        width: int,
        length: int,
        most: int = MOST_HISTORIES,
    ) -> None:
        """compute: (b, width) of histories; it reads their latest `length` events, their rows and times."""
        self._compute = compute
        self._length = length
        self._vectors = np.empty((most, width), dtype=np.float32)
        self._places: dict[bytes, int] = {}
        self._keys: list[bytes] = []  # by place, until all places are taken; then what each holds now
        self._next = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def vectors(self, histories: Sequence[History]) -> Vectors:
        """(b, width) what `compute` gives."""
        keys = [self._key(history) for history in histories]
        with self._lock:
            places = [self._places.get(key, -1) for key in keys]
            found = self._vectors[places]
        new = {key: i for i, (key, place) in enumerate(zip(keys, places, strict=True)) if place < 0}
        FOUND.inc(len(keys) - len(new))
        MISSED.inc(len(new))
        if new:
            made = self._compute([histories[i] for i in new.values()])
            order = {key: n for n, key in enumerate(new)}
            missing = [i for i, place in enumerate(places) if place < 0]
            found[missing] = made[[order[keys[i]] for i in missing]]
            self._keep(list(new), made)
        return found

    def clear(self) -> None:
        """Forget all, as where a person is erased."""
        with self._lock:
            self._places.clear()
            self._keys.clear()
            self._next = 0

    def _key(self, history: History) -> bytes:
        # A digest is small, and nobody's history lies in memory for it.
        said = history.rows[-self._length :].tobytes() + history.times[-self._length :].tobytes()
        return blake2b(said, digest_size=16).digest()

    def _keep(self, keys: list[bytes], made: Vectors) -> None:
        most = len(self._vectors)
        with self._lock:
            places = []
            for key in keys[:most]:
                place = self._next
                if place < len(self._keys):
                    self._places.pop(self._keys[place], None)
                    self._keys[place] = key
                else:
                    self._keys.append(key)
                self._places[key] = place
                places.append(place)
                self._next = (place + 1) % most
            self._vectors[places] = made[: len(places)]
