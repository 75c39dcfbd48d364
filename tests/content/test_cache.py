"""Vectors on disk: nothing is encoded twice, also after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from mmap import mmap
from pathlib import Path

import numpy as np
import pytest

from promptrec.content import cache
from promptrec.content.cache import encode_cached
from promptrec.content.encoder import Vectors
from promptrec.errors import PromptrecError


class Counting:
    """Encodes the length of a text, and fails at a text that says so."""

    width = 2

    def __init__(self, name: str = "counting") -> None:
        self.name = name
        self.seen: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        if "fail" in texts:
            raise KeyboardInterrupt
        self.seen += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


def test_each_content_is_encoded_once(tmp_path: Path) -> None:
    file, encoder = tmp_path / "vectors.safetensors", Counting()
    first = encode_cached(["a", "bb", "a"], encoder, file)
    second = encode_cached(["bb", "ccc"], encoder, file)
    assert encoder.seen == ["a", "bb", "ccc"]
    np.testing.assert_array_equal(first[:, 0], [1, 2, 1])
    np.testing.assert_array_equal(second[:, 0], [2, 3])


def test_vectors_of_the_same_texts_in_the_same_order_are_mapped(tmp_path: Path) -> None:
    file, encoder = tmp_path / "vectors.safetensors", Counting()
    first = encode_cached(["a", "bb"], encoder, file)
    again, turned = encode_cached(["a", "bb"], encoder, file), encode_cached(["bb", "a"], encoder, file)
    assert isinstance(again.base, mmap)
    assert not isinstance(turned.base, mmap)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(turned, first[::-1])


def test_another_encoder_makes_its_own(tmp_path: Path) -> None:
    other = Counting("other")
    encode_cached(["a"], Counting(), tmp_path / "vectors.safetensors")
    encode_cached(["a"], other, tmp_path / "vectors.safetensors")
    assert other.seen == ["a"]


def test_what_was_encoded_before_a_kill_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SAVED_EVERY", -1.0)
    monkeypatch.setattr(cache, "BATCH", 2)
    file, encoder = tmp_path / "vectors.safetensors", Counting()
    with pytest.raises(KeyboardInterrupt):
        encode_cached(["a", "b", "c", "fail"], encoder, file)
    encode_cached(["a", "b", "c"], encoder, file)
    assert encoder.seen == ["a", "b", "c"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vectors.safetensors").write_bytes(b"broken")
    with pytest.raises(PromptrecError, match=r"vectors\.safetensors: the content vectors cannot be read"):
        encode_cached(["a"], Counting(), tmp_path / "vectors.safetensors")
