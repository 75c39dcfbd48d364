"""Sign codes: vectors as bits, whose distance is how many of them differ."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from promptrec.seeding import torch_generator

Codes = npt.NDArray[np.uint8]

BITS = 256


def hyperplanes(width: int) -> torch.Tensor:
    """(width, 256) normals of planes through the origin, drawn once and for all, evenly spread (Charikar, STOC 2002):
    how many of them have two vectors on different sides grows with the angle between the two. The signs of the numbers
    themselves, without the planes, say much less of it: few of them carry most of a vector.
    """
    drawn = torch.randn(BITS, BITS, generator=torch_generator(0, "hyperplanes"))
    planes: torch.Tensor = torch.linalg.qr(drawn)[0][:width]
    return planes


def sign_codes(vectors: torch.Tensor) -> Codes:
    """(n, ceil(d / 8)) uint8: bit j of a row, the highest of a byte first, says whether its j-th number is above 0."""
    return np.packbits((vectors > 0).cpu().numpy(), axis=1)


def hamming(queries: Codes, items: Codes) -> npt.NDArray[np.int64]:
    """(b, n) in how many bits each query differs from each item; the nearest item has the lowest."""
    return np.stack([np.bitwise_count(items ^ query).sum(axis=1, dtype=np.int64) for query in queries])
