"""The same numbers for parts of the answers: by how much people did, how popular the items are, and any attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.dataset import Dataset
from promptrec.data.examples import Examples
from promptrec.errors import NotFoundError

Mask = npt.NDArray[np.bool_]
MOST_GROUPS = 12
ACTIVITY = (0, 1, 5, 10, 20, 50)


@dataclass(frozen=True)
class Slice:
    """by: what it is called; about: in words; groups: names and which answers (a,) belong to each, perhaps to several.

    An example's numbers within a group take only the answers of the group as relevant.
    """

    by: str
    about: str
    groups: tuple[tuple[str, Mask], ...]


def by_activity(examples: Examples, starts: Sequence[int] = ACTIVITY) -> Slice:
    """How many events are known of the person; starts: where each group begins."""
    known = examples.positions[examples.answers.owners()]
    edges = [*starts, None]
    groups = []
    for low, high in pairwise(edges):
        assert low is not None
        inside = known >= low if high is None else (known >= low) & (known < high)
        name = f"{low}+" if high is None else str(low) if high == low + 1 else f"{low} to {high - 1}"
        groups.append((name, inside))
    return Slice("activity", "how many events of the person are known", _filled(groups))


def by_popularity(examples: Examples, counts: npt.NDArray[np.float32]) -> Slice:
    """Head: the most popular items that have a third of all events between them; then the next third; then the rest.

    counts: (n_items,) training people who have each item.
    """
    total = counts.sum()
    _, place = np.unique(-counts, return_inverse=True)  # equally popular items stay together
    share_before = np.concatenate([[0], np.cumsum(np.bincount(place, weights=counts))])[place] / max(total, 1)
    found = share_before[examples.answers.rows]
    new = counts[examples.answers.rows] == 0
    groups = [
        ("head", (found < 1 / 3) & ~new),
        ("middle", (found >= 1 / 3) & (found < 2 / 3) & ~new),
        ("tail", (found >= 2 / 3) & ~new),
        ("no training event", new),
    ]
    return Slice(
        "popularity",
        "how popular the answer is: each of head, middle and tail has a third of the events",
        _filled(groups),
    )


def by_attribute(examples: Examples, dataset: Dataset, name: str) -> Slice:
    """A column of the items (the answer's) or of the users (the person's). Raises NotFoundError for an unknown one."""
    catalogue, users = dataset.catalogue, dataset.users
    answers = examples.answers
    if name in catalogue.attributes:
        values, taken, of = dataset.items[name], answers.rows, "the answer"
    elif users is not None and name in users.columns and name != "id":
        place = {user: row for row, user in enumerate(users["id"].to_list())}
        people = [place.get(examples.histories.users[person], -1) for person in examples.people]
        values = users[name].append(pl.Series([None], dtype=users[name].dtype))  # -1 is the last one: unknown
        taken, of = np.array(people, np.int64)[answers.owners()], "the person"
        taken = np.where(taken < 0, len(values) - 1, taken)
    else:
        names = [*catalogue.attributes, *([c for c in users.columns if c != "id"] if users is not None else [])]
        have = f"they have {', '.join(names)}" if names else "they have none"
        raise NotFoundError(f"--slice {name!r}: neither items nor users have this attribute; {have}")
    numeric = values.dtype.is_numeric() and values.n_unique() > MOST_GROUPS
    groups = _quarters(values, taken) if numeric else _words(values, taken)
    return Slice(name, f"{name} of {of}", _filled(groups))


def _quarters(values: pl.Series, taken: npt.NDArray[np.int64]) -> list[tuple[str, Mask]]:
    own = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()[taken]
    if np.isnan(own).all():
        return [("unknown", np.isnan(own))]
    edges = np.unique(np.nanquantile(own, [0, 0.25, 0.5, 0.75, 1], method="nearest"))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    groups = []
    for low, high in pairwise(edges):
        last = high == edges[-1]
        inside = (own >= low) & ((own <= high) if last else (own < high))
        groups.append((f"{low:g} to {high:g}" if last else f"{low:g} to under {high:g}", inside))
    return [*groups, ("unknown", np.isnan(own))]


def _words(values: pl.Series, taken: npt.NDArray[np.int64]) -> list[tuple[str, Mask]]:
    """The most frequent values among the answers, the others together, and those without."""
    lists = values.to_list()
    words = [[] if v is None else [str(one) for one in v] if isinstance(v, list) else [str(v)] for v in lists]
    carriers: dict[str, list[int]] = {}
    for row, own in enumerate(words):
        for word in own:
            carriers.setdefault(word, []).append(row)
    times = np.bincount(taken, minlength=len(words))
    frequent = sorted(carriers, key=lambda word: (-int(times[carriers[word]].sum()), word))
    groups: list[tuple[str, Mask]] = []
    for word in frequent[:MOST_GROUPS]:
        groups.append((word, _carried(carriers[word], len(words))[taken]))
    rest = [row for word in frequent[MOST_GROUPS:] for row in carriers[word]]
    groups.append(("other", _carried(rest, len(words))[taken]))
    groups.append(("unknown", np.array([not own for own in words], dtype=bool)[taken]))
    return groups


def _carried(rows: Sequence[int], n: int) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[list(rows)] = True
    return mask


def _filled(groups: Sequence[tuple[str, Mask]]) -> tuple[tuple[str, Mask], ...]:
    return tuple((name, mask) for name, mask in groups if mask.any())
