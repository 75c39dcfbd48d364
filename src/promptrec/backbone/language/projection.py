"""From the vectors of a language model to those that are compared: what a catalogue's items have in common goes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Projection:
    """(x - centre) @ directions, at length one; fitted on the items alone, once for a model and a catalogue.

    centre: (w,); directions: (w, w), those first in which the items differ most. The vectors of texts on one subject
    are nearly parallel; here the directions in which the items differ count more equally: each is divided by the root
    of its variance v (Su et al., Whitening sentence representations, 2021) plus the variance that is usual along the
    items' own deviations, sum(v^2) / sum(v), so that directions in which few items differ stay quiet.
    """

    centre: Tensor
    directions: Tensor

    @classmethod
    def fit(cls, vectors: Tensor) -> Projection:
        centre = vectors.mean(dim=0)
        centred = vectors - centre
        covariance = (centred.T @ centred / len(vectors)).double()
        spread, axes = torch.linalg.eigh(covariance)
        spread = spread.clamp(min=0)
        usual = spread.square().sum() / spread.sum().clamp(min=1e-12)
        scale = (spread + usual + 1e-12).rsqrt()
        return cls(centre, (axes * scale).flip(-1).float().contiguous())

    def __call__(self, vectors: Tensor) -> Tensor:
        """(n, w) vectors at length one; zeros stay zeros."""
        there = vectors.abs().amax(dim=-1, keepdim=True) > 0
        return F.normalize((vectors - self.centre) @ self.directions, dim=-1) * there

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for tensor in (self.centre, self.directions):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()
