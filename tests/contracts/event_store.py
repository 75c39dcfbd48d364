"""What every event store must do; an implementation inherits these tests and names itself in `open`."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from promptrec.serve.store import EventStore, StoredEvent


def event(user: str, item: str, time: float = 1.0, id_: str | None = None) -> StoredEvent:
    made = StoredEvent(user, item, "view", None, time)
    return made if id_ is None else StoredEvent(user, item, "view", None, time, id_)


class EventStoreContract:
    def open(self) -> EventStore:
        """The same store each time, as a process that starts opens it."""
        raise NotImplementedError

    @pytest.fixture
    def store(self) -> Iterator[EventStore]:
        store = self.open()
        yield store
        store.close()

    def test_what_went_in_comes_out(self, store: EventStore) -> None:
        full = StoredEvent("安", "it'em; DROP TABLE", "rating", 4.5, 12.25, "e-1", "r-1")
        assert store.append([full]) == 1
        assert store.history("安", 9) == [full]

    def test_history_is_the_latest_events_oldest_first(self, store: EventStore) -> None:
        assert store.append([event("a", "3", 3.0), event("a", "1", 1.0), event("b", "9"), event("a", "2", 2.0)]) == 4
        assert [found.item_id for found in store.history("a", 2)] == ["2", "3"]
        assert store.history("nobody", 5) == []
        cursor = store.since(0)[1][0]
        assert [found.item_id for found in store.history("a", 9, after=cursor)] == ["2"]

    def test_an_event_id_is_stored_once(self, store: EventStore) -> None:
        assert store.append([event("a", "1", id_="x"), event("a", "2", id_="y"), event("a", "1", id_="x")]) == 2
        assert store.append([event("a", "2", id_="y"), event("a", "3", id_="z")]) == 1
        assert [found.item_id for _, found in store.since(0)] == ["1", "2", "3"]

    def test_since_walks_through_all_events_in_the_order_they_came(self, store: EventStore) -> None:
        store.append([event("ab"[n % 2], str(n)) for n in range(6)])
        first = store.since(0, 3)
        rest = store.since(first[-1][0])
        assert [found.item_id for _, found in first + rest] == ["0", "1", "2", "3", "4", "5"]
        assert store.since(rest[-1][0]) == []
        assert [found.item_id for _, found in store.since(first[0][0], 2, "b")] == ["1", "3"]

    def test_a_reader_misses_nothing_while_two_processes_write(self, store: EventStore) -> None:
        other = self.open()
        with ThreadPoolExecutor(4) as pool:
            writers = [
                pool.submit(lambda s=s, n=n: [s.append([event("a", f"{n}-{i}")]) for i in range(50)])
                for n, s in enumerate((store, other))
            ]
            seen: list[str] = []
            cursor = 0
            while len(seen) < 100:
                ended = all(writer.done() for writer in writers)
                found = store.since(cursor, 7)
                seen += [one.item_id for _, one in found]
                cursor = found[-1][0] if found else cursor
                assert found or not ended, "an event was passed over"
        other.close()
        assert len(set(seen)) == len(seen) == 100

    def test_erase_removes_one_person(self, store: EventStore) -> None:
        store.append([event("a", "1", id_="x"), event("a", "2"), event("b", "3")])
        assert store.erase("a") == 2
        assert store.erase("a") == 0
        assert store.history("a", 9) == []
        assert [found.item_id for _, found in store.since(0)] == ["3"]
        assert store.append([event("a", "1", id_="x")]) == 1

    def test_events_of_many_threads_are_all_kept(self, store: EventStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda n: store.append([event("a", str(n))]), range(200))) == 200
        assert {found.item_id for found in store.history("a", 999)} == {str(n) for n in range(200)}

    def test_a_failed_append_stores_nothing_and_fails_alone(self, store: EventStore) -> None:
        broken = StoredEvent("a", "2", None, None, 1.0)  # type: ignore[arg-type]
        waiting = [store.submit(events) for events in ([event("b", "1")], [event("a", "1"), broken], [event("b", "2")])]
        assert (waiting[0].result(), waiting[2].result()) == (1, 1)
        with pytest.raises(Exception, match=r"(?i)not.null"):
            waiting[1].result()
        assert [found.item_id for _, found in store.since(0)] == ["1", "2"]

    def test_what_was_stored_is_there_after_opening_again(self, store: EventStore) -> None:
        store.append([event("a", "1", id_="x")])
        store.change_item("new", {"title": "New", "genres": ["Comedy"], "year": None})
        again = self.open()
        assert [found.event_id for found in again.history("a", 9)] == ["x"]
        assert [(change.item_id, change.item) for change in again.item_changes()] == [
            ("new", {"title": "New", "genres": ["Comedy"], "year": None})
        ]
        again.close()

    def test_only_the_latest_change_of_an_item_counts(self, store: EventStore) -> None:
        first = store.change_item("new", {"title": "New"})
        store.change_item("old", None)
        last = store.change_item("new", {"title": "Newer"})
        assert first < last
        assert [(c.item_id, c.item) for c in store.item_changes()] == [("old", None), ("new", {"title": "Newer"})]
        assert [c.number for c in store.item_changes(last - 1)] == [last]
        assert store.item_changes(last) == []

    def test_clicks_are_recommendations_of_an_arm_that_an_event_names(self, store: EventStore) -> None:
        store.count_shown({"wars@1": 2, ":none": 5})
        store.count_shown({"wars@1": 1})
        first, second = (f"{n:032x}.wars@1" for n in (1, 2))
        store.append(
            [
                *(StoredEvent("a", item, "view", None, 1.0, recommendation_id=first) for item in "12"),
                StoredEvent("b", "1", "view", None, 1.0, recommendation_id=second),
                StoredEvent("b", "1", "view", None, 1.0, recommendation_id="another system's"),
                event("b", "2"),
            ]
        )
        assert store.clicks() == {":none": (5, 0), "wars@1": (3, 2)}
        store.erase("b")
        again = self.open()
        assert again.clicks()["wars@1"] == (3, 1)
        again.close()
