from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import pytest
import torch

from promptrec.prompt.query import Query
from promptrec.serve.engine.model_thread import ModelThread, batched


@pytest.fixture
def thread() -> Iterator[ModelThread]:
    thread = ModelThread()
    yield thread
    thread.close()


def hold(thread: ModelThread) -> threading.Event:
    """Keeps the thread in a call of its own until the event is set, so that what comes meanwhile waits together."""
    began, gate = threading.Event(), threading.Event()
    thread.submit(lambda: (began.set(), gate.wait()))
    assert began.wait(30)
    return gate


class Encoder:
    """The `now` of each query, doubled; counts its batches; fails on a negative one."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, queries: Sequence[Query]) -> torch.Tensor:
        self.batches.append(len(queries))
        numbers = torch.tensor([query.now or 0.0 for query in queries])
        if (numbers < 0).any():
            raise ValueError("negative")
        return numbers * 2


def test_calls_that_wait_together_are_encoded_together(thread: ModelThread) -> None:
    encoder, gate = Encoder(), hold(thread)
    encode = batched(encoder)

    def call(n: int) -> float:
        first = float(encode([Query(now=n)])[0])
        return first + float(encode([Query(now=1.0), Query(now=n)])[1])

    waiting = [thread.submit(lambda n=n: call(n)) for n in range(20)]
    gate.set()
    assert [one.result() for one in waiting] == [4.0 * n for n in range(20)]
    assert encoder.batches == [20, 40]


def test_a_failing_call_fails_alone(thread: ModelThread) -> None:
    encoder, gate = Encoder(), hold(thread)
    encode = batched(encoder)
    waiting = [thread.submit(lambda n=n: float(encode([Query(now=n)])[0])) for n in (1.0, -1.0, 3.0)]
    gate.set()
    assert (waiting[0].result(), waiting[2].result()) == (2.0, 6.0)
    with pytest.raises(ValueError, match="negative"):
        waiting[1].result()
    with pytest.raises(ZeroDivisionError):
        thread.submit(lambda: 1 / 0).result()


def test_single_calls_do_not_wait_for_bulk_ones(thread: ModelThread) -> None:
    order: list[str] = []
    gate = hold(thread)
    bulk = [thread.submit(lambda: order.append("bulk"), bulk=True) for _ in range(100)]
    single = thread.submit(lambda: order.append("single"))
    gate.set()
    for one in (*bulk, single):
        one.result()
    assert order[0] == "single"


def test_outside_its_thread_encoding_is_as_it_was() -> None:
    encoder = Encoder()
    assert float(batched(encoder)([Query(now=2.0)])[0]) == 4.0


def test_what_waits_is_answered_before_the_end() -> None:
    thread = ModelThread()
    waiting = [thread.submit(lambda n=n: n) for n in range(200)]
    thread.close()
    assert [one.result() for one in waiting] == list(range(200))
    with pytest.raises(RuntimeError, match="stopping"):
        thread.submit(lambda: 1)


def test_a_coroutine_gets_its_answer_or_its_error(thread: ModelThread) -> None:
    encode = batched(Encoder())

    async def ask() -> list[object]:
        calls = [thread.answer(lambda n=n: float(encode([Query(now=n)])[0])) for n in (1.0, -1.0, 3.0)]
        abandoned = asyncio.ensure_future(thread.answer(lambda: float(encode([Query(now=9.0)])[0])))
        await asyncio.sleep(0)
        abandoned.cancel()
        return [repr(found) for found in await asyncio.gather(*calls, return_exceptions=True)]

    assert asyncio.run(ask()) == ["2.0", "ValueError('negative')", "6.0"]


def test_calls_of_one_turn_of_the_event_loop_are_one_batch(thread: ModelThread) -> None:
    encoder = Encoder()
    encode = batched(encoder)

    async def ask() -> list[float]:
        return await asyncio.gather(*(thread.answer(lambda n=n: float(encode([Query(now=n)])[0])) for n in range(20)))

    assert asyncio.run(ask()) == [2.0 * n for n in range(20)]
    assert encoder.batches == [20]


def test_a_coroutine_that_comes_after_the_end_is_told_so() -> None:
    thread = ModelThread()
    thread.close()
    with pytest.raises(RuntimeError, match="stopping"):
        asyncio.run(thread.answer(lambda: 1))


def test_brief_calls_are_one_round_of_the_event_loop_unless_the_thread_is_at_work(thread: ModelThread) -> None:
    encoder, here = Encoder(), threading.current_thread().name
    encode = batched(encoder)

    def call(n: int) -> tuple[str, float]:
        return threading.current_thread().name, float(encode([Query(now=n)])[0])

    async def ask(count: int) -> list[tuple[str, float]]:
        return await asyncio.gather(*(thread.answer(lambda n=n: call(n), brief=True) for n in range(count)))

    assert asyncio.run(ask(100)) == [(here, 2.0 * n) for n in range(100)]
    assert encoder.batches == [64, 36]
    gate = hold(thread)
    threading.Timer(0.2, gate.set).start()
    assert asyncio.run(ask(3)) == [("model", 2.0 * n) for n in range(3)]


def test_a_brief_call_that_fails_says_so_and_one_after_the_end_is_refused(thread: ModelThread) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(thread.answer(lambda: 1 / 0, brief=True))
    thread.close()
    with pytest.raises(RuntimeError, match="stopping"):
        asyncio.run(thread.answer(lambda: 1, brief=True))


def test_calls_on_their_way_join_the_round(thread: ModelThread) -> None:
    encoder = Encoder()
    encode = batched(encoder)

    async def ask() -> list[float]:
        async def later(turns: int) -> float:
            for _ in range(turns):
                await asyncio.sleep(0)
            return await thread.answer(lambda: float(encode([Query(now=turns)])[0]), brief=True)

        return await asyncio.gather(*(later(turns) for turns in (0, 1, 2)))

    assert asyncio.run(ask()) == [0.0, 2.0, 4.0]
    assert encoder.batches == [3]
