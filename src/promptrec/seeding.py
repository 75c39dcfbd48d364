"""Randomness comes from one seed: every use names its purpose and gets its own independent stream."""

from __future__ import annotations

import zlib

import numpy as np
import torch


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A NumPy stream for `purpose`; streams of different purposes do not influence each other."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def torch_generator(seed: int, purpose: str) -> torch.Generator:
    """The same for torch, on the CPU, so that a run draws the same numbers on every device."""
    return torch.Generator().manual_seed(int(generator(seed, purpose).integers(2**62)))
