"""The model's thread: calls that wait at one moment are computed as one batch.

Each call runs in a greenlet. Where it asks for something that goes faster together it stops; once all calls of the
round have stopped or ended, the thread computes what they asked for together and lets them go on. So ranking stays
ordinary code for one call, and no threads fight over the interpreter. Nobody waits for a batch to fill: a round takes
whatever came while the one before was computed.

Calls that take little are a round in the thread of their event loop, while the model's own is idle: to hand them over
and back would take as long as they do.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import torch
from greenlet import getcurrent, greenlet

from promptrec.serve.metrics import BATCH_SIZE, MODEL, QUEUE

R = TypeVar("R")
A = TypeVar("A")
Together = Callable[[Sequence[A]], Sequence[R]]
MOST_AT_ONCE = 64
MOST_BULK = 16  # rows of bulk calls in one round, so that single calls never wait long


@dataclass(slots=True)
class _Waiting:
    """One call; done: takes its result or its error, in the thread that computed it."""

    call: Callable[[], Any]
    done: Callable[[Any, Exception | None], None]
    since: float
    bulk: bool = False
    brief: bool = False


class ModelThread:
    """Runs calls in one torch thread; the calls of bulk requests only beside, never before, single ones."""

    def __init__(self) -> None:
        self._single: deque[_Waiting] = deque()
        self._bulk: deque[_Waiting] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._idle = threading.Lock()  # held by whoever computes a round
        self._answers: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any, Exception | None]]] = {}
        self._coming: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, asyncio.Future[Any]]]] = {}
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], R], bulk: bool = False) -> Future[R]:
        """The result of `call`, to come. Raises RuntimeError after `close`."""
        future: Future[R] = Future()

        def done(result: R, error: Exception | None) -> None:
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._add([_Waiting(call, done, time.perf_counter(), bulk)])
        return future

    async def answer(self, call: Callable[[], R], bulk: bool = False, brief: bool = False) -> R:
        """The result of `call`, for a coroutine. Calls that come in one turn of its event loop wake the model's thread
        once, and the answers of one round wake the event loop once; brief ones are answered in the event loop, unless
        others are being computed. Raises RuntimeError after `close`.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()

        def done(result: R | None, error: Exception | None) -> None:
            self._answers.setdefault(loop, []).append((future, result, error))

        coming = self._coming.setdefault(loop, [])  # of each loop its own, so that no lock is needed
        coming.append((_Waiting(call, done, time.perf_counter(), bulk, brief), future))
        if len(coming) == 1:
            loop.call_soon(self._take_in, loop, 0)
        return await future

    def _take_in(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """before: how many had come a turn ago; where others came since, more may be on their way."""
        coming = self._coming[loop]
        if before < len(coming) < MOST_AT_ONCE:
            loop.call_soon(self._take_in, loop, len(coming))
            return
        self._coming[loop] = coming[MOST_AT_ONCE:]
        if self._coming[loop]:
            loop.call_soon(self._take_in, loop, 0)
        coming = coming[:MOST_AT_ONCE]
        brief = [waiting for waiting, _ in coming if waiting.brief]
        try:
            if brief and not self._closed and self._idle.acquire(blocking=False):
                coming = [one for one in coming if not one[0].brief]
                try:
                    with torch.inference_mode():
                        self._round(brief, lambda: _give(self._answers.pop(loop, [])))
                finally:
                    self._idle.release()
            if coming:
                self._add([waiting for waiting, _ in coming])
        except RuntimeError as error:
            for _, future in coming:
                if not future.done():
                    future.set_exception(error)

    def close(self) -> None:
        """Answer what waits, then end."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        self._thread.join()

    def _add(self, coming: Sequence[_Waiting]) -> None:
        with self._ready:
            if self._closed:
                raise RuntimeError("the service is stopping")
            for waiting in coming:
                (self._bulk if waiting.bulk else self._single).append(waiting)
            self._ready.notify()

    def _run(self) -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            while taken := self._take():
                with self._idle:
                    self._round(taken, self._deliver)

    def _take(self) -> list[_Waiting]:
        with self._ready:
            while not (self._single or self._bulk or self._closed):
                self._ready.wait()
            single = [self._single.popleft() for _ in range(min(len(self._single), MOST_AT_ONCE))]
            return single + [self._bulk.popleft() for _ in range(min(len(self._bulk), MOST_BULK))]

    def _round(self, taken: list[_Waiting], deliver: Callable[[], None]) -> None:
        began = time.perf_counter()
        stopped: list[tuple[greenlet, Together[Any, Any], Sequence[Any]]] = []

        def step(one: greenlet, value: Any) -> None:
            asked = one.throw(value) if isinstance(value, Exception) else one.switch(value)
            if not one.dead:
                stopped.append((one, *asked))

        for waiting in taken:
            QUEUE.observe(began - waiting.since)
            step(greenlet(_answering(waiting)), None)
        deliver()
        while stopped:
            asking, stopped = stopped, []
            for function in dict.fromkeys(function for _, function, _ in asking):
                group = [(one, asked) for one, own, asked in asking if own is function]
                for one, value in zip((one for one, _ in group), _compute(function, group), strict=True):
                    step(one, value)
            deliver()
        MODEL.observe(time.perf_counter() - began)

    def _deliver(self) -> None:
        answers, self._answers = self._answers, {}
        for loop, found in answers.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_give, found)


def batched(function: Together[A, R]) -> Together[A, R]:
    """`function` over what all calls of the round ask it for, where a `ModelThread` runs the call; as it was elsewhere.

    It takes any number of things and gives a sequence with the result of each.
    """

    def joining(asked: Sequence[A]) -> Sequence[R]:
        hub = getcurrent().parent
        if hub is None:
            return function(asked)
        found: Sequence[R] = hub.switch((function, asked))
        return found

    return joining


def _answering(waiting: _Waiting) -> Callable[[Any], None]:
    def run(_: Any) -> None:
        try:
            result = waiting.call()
        except Exception as error:
            waiting.done(None, error)
        else:
            waiting.done(result, None)

    return run


def _give(found: list[tuple[asyncio.Future[Any], Any, Exception | None]]) -> None:
    for future, result, error in found:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _compute(function: Together[Any, Any], group: list[tuple[greenlet, Sequence[Any]]]) -> list[Any]:
    together = [one for _, asked in group for one in asked]
    BATCH_SIZE.observe(len(together))
    try:
        found = function(together)
    except Exception as error:
        if len(group) == 1:
            return [error]
        # One call's fault is not the others': each is tried alone.
        return [value for one in group for value in _compute(function, [one])]
    ends = [0]
    for _, asked in group:
        ends.append(ends[-1] + len(asked))
    return [found[start:end] for start, end in pairwise(ends)]
