"""What a recommendation is to whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple


class Item(NamedTuple):
    """One recommended item: score is the cosine of query and item, or the blend of meaning and words where a request is
    read word by word as well; reasons are in plain words.
    """

    id: str
    title: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Recommendation:
    """The best items, best first (with diversity: in the order of the varied list), and how they came about.

    prompts: name, version and weight of each prompt used; ignored: ids that the call named and the catalogue does not
    know; fallback: whether popular items answered because the model could not; notes: what the caller should know.
    """

    items: tuple[Item, ...]
    prompts: tuple[dict[str, Any], ...]
    request: str | None
    ignored: tuple[str, ...]
    fallback: bool = False
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def as_dict(self) -> dict[str, Any]:
        """What `promptrec recommend --json` prints and the service answers."""
        items = [{"id": id_, "title": title, "score": score, "reasons": why} for id_, title, score, why in self.items]
        return {**vars(self), "items": items}
