"""Requests that were encoded before."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict

from promptrec.backbone.request import RequestEncoder
from promptrec.prompt.prompt import Prompt
from promptrec.serve.metrics import CACHE

FOUND, MISSED = CACHE.labels("requests", "hit"), CACHE.labels("requests", "miss")
MOST_REQUESTS = 10_000  # about 30 MB: a prompt of one shift takes 1 to 3 KB


class RequestCache:
    """The prompts of the latest distinct requests; one that many ask for at one moment is encoded once."""

    def __init__(self, encoder: RequestEncoder, most: int = MOST_REQUESTS) -> None:
        self._encode = encoder.prompt
        self._most = most
        self._known: OrderedDict[tuple[str, str], Prompt] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, request: str) -> bool:
        return (request.strip(), "request") in self._known

    def __len__(self) -> int:
        return len(self._known)

    def prompt(self, request: str, name: str = "request") -> Prompt:
        """What the encoder's `prompt` gives, with its errors."""
        key = (request.strip(), name)
        with self._lock:
            found = self._known.get(key)
            (MISSED if found is None else FOUND).inc()
            if found is None:
                found = self._encode(request, name)
                self._known[key] = found
                if len(self._known) > self._most:
                    self._known.popitem(last=False)
            else:
                self._known.move_to_end(key)
            return found


def caching(encoder: RequestEncoder, cache: RequestCache) -> RequestEncoder:
    """The same encoder with `cache` before it."""
    cached = copy.copy(encoder)
    cached.prompt = cache.prompt  # type: ignore[method-assign]
    return cached
