"""Requests in another language than the items': their readings, moved to where the items' language would put them.

What a model of many languages reads still lies first by language, then by meaning: Chinese words before English titles
find less than the same words in English. What is missing is fitted as a linear map on wishes for the attribute words
that have a name in both languages, read before histories and without any.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from promptrec.data.languages import written_in_chinese

TENSORS = ("centre", "moved", "directions")
RIDGE = 0.1  # chosen on validation people of MovieLens-100K; less hears known names better and all others worse


@dataclass(frozen=True)
class Bridge:
    """chinese: whether it is requests in Chinese that are carried over, or those without a Chinese character.

    centre, moved (w,) and directions (w, w): x + moved + (x - centre) @ directions.
    """

    chinese: bool
    centre: Tensor
    moved: Tensor
    directions: Tensor

    @classmethod
    def fit(cls, chinese: bool, foreign: Tensor, own: Tensor) -> Bridge:
        """foreign, own: (n, w) readings of the same wishes in both languages. Ridge regression of what differs."""
        centre, away = foreign.mean(dim=0), own - foreign
        moved, x = away.mean(dim=0), foreign - centre
        gram = x.T @ x + RIDGE * torch.eye(x.shape[1], device=x.device)
        return cls(chinese, centre, moved, torch.linalg.solve(gram, x.T @ (away - moved)))

    def __call__(self, readings: Tensor) -> Tensor:
        return readings + self.moved + (readings - self.centre) @ self.directions

    def carries(self, request: str) -> bool:
        return bool(request.strip()) and written_in_chinese(request) == self.chinese

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(str(self.chinese).encode())
        for tensor in self.tensors().values():
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def tensors(self) -> dict[str, Tensor]:
        """What a file keeps beside the name that `config` gives."""
        return {f"bridge.{name}": getattr(self, name) for name in TENSORS}

    def config(self) -> dict[str, str]:
        return {"bridge": "chinese" if self.chinese else "english"}

    @classmethod
    def of(cls, saved: Mapping[str, Tensor], config: Mapping[str, Any]) -> Bridge | None:
        """What `tensors` and `config` gave; None where there was no bridge. Raises KeyError where one is missing."""
        if "bridge" not in config:
            return None
        parts = {name: saved[f"bridge.{name}"] for name in TENSORS}
        return cls(config["bridge"] == "chinese", **parts)
