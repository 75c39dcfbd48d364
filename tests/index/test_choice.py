from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contracts.item_index import vectors
from promptrec.errors import PromptrecError
from promptrec.index.choice import Manifest, index_of, measured
from promptrec.index.int8 import Int8Index


def test_small_catalogues_are_exact_and_large_ones_int8() -> None:
    assert index_of(np.zeros((200_000, 2), dtype=np.float32)).kind == "exact"
    assert index_of(np.zeros((200_001, 2), dtype=np.float32)).kind == "int8"
    assert index_of(np.zeros((3, 2), dtype=np.float32), "binary").kind == "binary"
    with pytest.raises(PromptrecError, match="expected exact, int8, binary, found 'hnsw'"):
        index_of(np.zeros((3, 2), dtype=np.float32), "hnsw")  # type: ignore[arg-type]


def test_the_manifest_holds_the_recall_that_was_measured(tmp_path: Path) -> None:
    items, queries = vectors(5_000, seed=1), vectors(9, seed=2)
    manifest = measured(Int8Index(items).add(np.array([5_000]), queries[:1]), queries, k=30)
    assert (manifest.kind, manifest.items, manifest.width, manifest.k, manifest.queries) == ("int8", 5_001, 48, 30, 9)
    assert manifest.recall > 0.99
    manifest.save(tmp_path / "index.json")
    assert Manifest.load(tmp_path / "index.json") == manifest


def test_a_poor_index_is_measured_as_poor() -> None:
    class Poor(Int8Index):
        def candidates(self, k: int) -> int:
            return k // 2

    assert measured(Poor(vectors(5_000, seed=1)), vectors(9, seed=2), k=30).recall == 0.5


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"kind": "int8"}')
    with pytest.raises(PromptrecError, match=r"index\.json.*no 'items'"):
        Manifest.load(tmp_path / "index.json")


def test_training_measures_the_index_of_its_release(trained: Path) -> None:
    manifest = Manifest.load(trained / "backbone" / "1" / "index.json")
    assert (manifest.kind, manifest.items, manifest.recall) == ("exact", 45, 1.0)
