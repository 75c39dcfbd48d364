"""Which index a catalogue gets, and how much of the exact answer it gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from promptrec.errors import PromptrecError
from promptrec.index.binary import BinaryIndex
from promptrec.index.contract import ItemIndex, Kind, Vectors
from promptrec.index.exact import ExactIndex
from promptrec.index.int8 import Int8Index
from promptrec.workspace import SCHEMA_VERSION, read_json, write_json

MOST_EXACT = 200_000
KINDS: dict[str, type[ItemIndex]] = {"exact": ExactIndex, "int8": Int8Index, "binary": BinaryIndex}


def index_of(vectors: Vectors, kind: Kind | None = None) -> ItemIndex:
    """The index over the items' vectors (n, d): exact up to 200,000 items and int8 above, unless `kind` says.

    Raises PromptrecError for an unknown kind.
    """
    chosen = kind or ("exact" if len(vectors) <= MOST_EXACT else "int8")
    if chosen not in KINDS:
        raise PromptrecError(f"index: expected {', '.join(KINDS)}, found {chosen!r}")
    return KINDS[chosen](vectors)


@dataclass(frozen=True)
class Manifest:
    """recall: the mean share of the exact best `k` items that the index gives, over `queries` queries."""

    kind: Kind
    items: int
    width: int
    k: int
    queries: int
    recall: float

    def save(self, file: Path) -> None:
        write_json(file, {"schema_version": SCHEMA_VERSION, **asdict(self)})

    @classmethod
    def load(cls, file: Path) -> Manifest:
        """Raises PromptrecError where the file is missing or broken."""
        document = read_json(file, "manifest of an index")
        try:
            return cls(**{name: document[name] for name in cls.__dataclass_fields__})
        except KeyError as error:
            raise PromptrecError(f"{file}: the manifest of an index has no {error}; train again") from None


def measured(index: ItemIndex, queries: Vectors, k: int = 50) -> Manifest:
    """Compare the index with exact search for queries (b, d)."""
    k = min(k, len(index))
    exact = ExactIndex(index.vectors).add(index.added, index.added_vectors)
    found, best = index.search(queries, k)[0], exact.search(queries, k)[0]
    shares = [len(np.intersect1d(own, right)) / k for own, right in zip(found, best, strict=True)]
    return Manifest(index.kind, len(index), index.vectors.shape[1], k, len(queries), round(float(np.mean(shares)), 4))
