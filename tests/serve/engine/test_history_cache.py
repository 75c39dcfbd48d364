from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from promptrec.data.history import EMPTY, History
from promptrec.index.contract import Vectors
from promptrec.serve.engine.history_cache import HistoryCache


class Network:
    """Stands for the network: what it makes of a history tells its rows and times apart."""

    def __init__(self) -> None:
        self.read: list[int] = []

    def __call__(self, histories: Sequence[History]) -> Vectors:
        self.read.append(len(histories))
        return np.array([[h.rows[-3:].sum(), np.nansum(h.times[-3:])] for h in histories], dtype=np.float32)


def person(*rows: int, time: float = float("nan")) -> History:
    return History(np.array(rows, dtype=np.int64), np.full(len(rows), time), ("view",) * len(rows))


@pytest.fixture
def network() -> Network:
    return Network()


def cache(network: Network, most: int = 4) -> HistoryCache:
    return HistoryCache(network, width=2, length=3, most=most)


def test_a_history_is_read_once_and_each_gets_its_own(network: Network) -> None:
    found = cache(network)
    asked = [person(1, 2), EMPTY, person(5), person(1, 2)]
    for _ in range(2):
        assert found.vectors(asked)[:, 0].tolist() == [3, 0, 5, 3]
    assert network.read == [3]  # two of one call are one as well


def test_an_event_or_another_time_is_another_history(network: Network) -> None:
    found = cache(network)
    found.vectors([person(1, 2)])
    assert found.vectors([person(1, 2, 4)])[0, 0] == 7
    assert found.vectors([person(2, 1)])[0, 0] == 3
    assert found.vectors([person(1, 2, time=10.0)])[0, 1] == 20
    assert network.read == [1, 1, 1, 1]


def test_only_what_the_network_reads_counts(network: Network) -> None:
    found = cache(network)
    found.vectors([person(9, 1, 2, 3)])
    assert found.vectors([person(8, 7, 1, 2, 3)])[0, 0] == 6
    assert network.read == [1]


def test_the_oldest_give_way(network: Network) -> None:
    found = cache(network, most=4)
    for n in range(1, 7):
        found.vectors([person(n)])
    assert len(found) == 4
    assert found.vectors([person(n) for n in (3, 4, 5, 6)])[:, 0].tolist() == [3, 4, 5, 6]
    assert network.read == [1] * 6
    assert found.vectors([person(1)])[0, 0] == 1
    assert len(network.read) == 7


def test_more_than_fit_are_answered_at_once(network: Network) -> None:
    found = cache(network, most=4)
    for _ in range(2):
        assert found.vectors([person(n) for n in range(10)])[:, 0].tolist() == list(range(10))
    assert len(found) == 4


def test_nothing_is_known_after_clearing(network: Network) -> None:
    found = cache(network)
    found.vectors([person(1)])
    found.clear()
    assert len(found) == 0
    found.vectors([person(1), person(2)])
    assert network.read == [1, 2]
