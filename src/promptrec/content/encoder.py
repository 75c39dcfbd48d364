"""Content encoders: frozen, pretrained, from an item's content to a vector."""

from __future__ import annotations

from collections.abc import Sequence
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
