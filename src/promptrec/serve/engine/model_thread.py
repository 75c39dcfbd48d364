"""One thread for the model: calls that wait at one moment are encoded as one batch.

Each call runs in a greenlet. Where it asks the backbone for queries it stops; once all calls of the round have stopped
or ended, the thread encodes what they asked for together and lets them go on. So ranking stays ordinary code for one
call, and no threads fight over the interpreter.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import torch
from greenlet import getcurrent, greenlet

from promptrec.prompt.query import Query
from promptrec.serve.metrics import BATCH_SIZE, STAGES

R = TypeVar("R")
Encode = Callable[[Sequence[Query]], torch.Tensor]
MOST_AT_ONCE = 64
MOST_BULK = 16  # rows of bulk calls in one round, so that single calls never wait long


class ModelThread:
    """Runs calls in one torch thread; the calls of bulk requests only beside, never before, single ones."""

    def __init__(self) -> None:
        self._single: deque[tuple[float, Callable[[], Any], Future[Any]]] = deque()
        self._bulk: deque[tuple[float, Callable[[], Any], Future[Any]]] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], R], bulk: bool = False) -> Future[R]:
        """The result of `call`, to come. Raises RuntimeError after `close`."""
        future: Future[R] = Future()
        with self._ready:
            if self._closed:
                raise RuntimeError("the service is stopping")
            (self._bulk if bulk else self._single).append((time.perf_counter(), call, future))
            self._ready.notify()
        return future

    def close(self) -> None:
        """Answer what waits, then end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    def _run(self) -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            while taken := self._take():
                self._round(taken)

    def _take(self) -> list[tuple[float, Callable[[], Any], Future[Any]]]:
        with self._ready:
            while not (self._single or self._bulk or self._closed):
                self._ready.wait()
            single = [self._single.popleft() for _ in range(min(len(self._single), MOST_AT_ONCE))]
            return single + [self._bulk.popleft() for _ in range(min(len(self._bulk), MOST_BULK))]

    def _round(self, taken: list[tuple[float, Callable[[], Any], Future[Any]]]) -> None:
        began = time.perf_counter()
        stopped: list[tuple[greenlet, Encode, Sequence[Query]]] = []

        def step(one: greenlet, value: torch.Tensor | Exception | None) -> None:
            asked = one.throw(value) if isinstance(value, Exception) else one.switch(value)
            if not one.dead:
                stopped.append((one, *asked))

        for submitted, call, future in taken:
            STAGES.labels("queue").observe(began - submitted)
            if future.set_running_or_notify_cancel():
                step(greenlet(_answering(call, future)), None)
        while stopped:
            waiting, stopped = stopped, []
            for encode in dict.fromkeys(encode for _, encode, _ in waiting):
                group = [(one, queries) for one, own, queries in waiting if own is encode]
                for one, value in zip((one for one, _ in group), _encode(encode, group), strict=True):
                    step(one, value)
        STAGES.labels("model").observe(time.perf_counter() - began)


def batched(encode: Encode) -> Encode:
    """`encode` that joins the batch of the round where a `ModelThread` runs it, and is as it was elsewhere."""

    def joining(queries: Sequence[Query]) -> torch.Tensor:
        hub = getcurrent().parent
        if hub is None:
            return encode(queries)
        found: torch.Tensor = hub.switch((encode, queries))
        return found

    return joining


def _answering(call: Callable[[], Any], future: Future[Any]) -> Callable[[Any], None]:
    def run(_: Any) -> None:
        try:
            future.set_result(call())
        except Exception as error:
            future.set_exception(error)

    return run


def _encode(encode: Encode, group: list[tuple[greenlet, Sequence[Query]]]) -> list[torch.Tensor | Exception]:
    together = [query for _, queries in group for query in queries]
    BATCH_SIZE.observe(len(together))
    try:
        return list(torch.split(encode(together), [len(queries) for _, queries in group]))
    except Exception as error:
        if len(group) == 1:
            return [error]
        # One call's fault is not the others': each is tried alone.
        return [value for one in group for value in _encode(encode, [one])]
