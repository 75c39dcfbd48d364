"""Content encoders: frozen, pretrained, from an item's content to a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]


class TextEncoder(Protocol):
    name: str
    """Name and version: vectors of different names are never mixed."""
    width: int

    def encode(self, texts: Sequence[str]) -> Vectors:
        """(n, width) vectors of length one; a text without content gives zeros."""
        ...


class FileEncoder(Protocol):
    """The same for what lies in files: pictures, sounds."""

    name: str
    width: int

    def encode(self, files: Sequence[bytes]) -> Vectors:
        """(n, width) vectors of length one, from the files' bytes; a file that cannot be read gives zeros."""
        ...


@dataclass(frozen=True)
class EncoderKind:
    """One way to make vectors of one modality: `text`, or the name of the items' column that names the files.

    load: the encoder, from what is written after the kind's name and a colon ("" where nothing is), such as a model's
    folder. default: whether it is taken where nobody says which.
    """

    name: str
    modality: str
    load: Callable[[str], TextEncoder] | Callable[[str], FileEncoder]
    default: bool = False
