"""Safetensors files as mapped arrays: their pages take memory only while they are read."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
KINDS = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}


def read_mapped(file: Path) -> dict[str, Array]:
    """The file's tensors by name. Whoever writes into one changes a copy of its own, not the file.

    Raises OSError where the file cannot be opened and ValueError where it is none of safetensors or is cut off.
    """
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    start = 8 + int.from_bytes(mapped[:8], "little")
    try:
        header = json.loads(mapped[8:start])
        header.pop("__metadata__", None)
        return {
            name: np.ndarray(about["shape"], KINDS[about["dtype"]], mapped, start + about["data_offsets"][0])
            for name, about in header.items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a whole safetensors file of {', '.join(KINDS)}: {error}") from None


def let_go(arrays: Iterable[Array]) -> None:
    """Take the pages of mapped arrays out of this process's memory; they come back when they are read again.

    What was written into them is lost.
    """
    for array in arrays:
        if isinstance(array.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
            array.base.madvise(mmap.MADV_DONTNEED)
