"""Where an item stands that nobody has had: what its contents say, in the eyes of the items that were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from promptrec.backbone.content_space import without
from promptrec.content.encoder import Vectors
from promptrec.errors import PromptrecError

NEIGHBOURS = 20
UNFITTED_NEIGHBOURS, UNFITTED_SHARPNESS = 5, 0.05
PLACED = 1_024  # items together
FILE = "placement.safetensors"


@dataclass(frozen=True)
class View:
    """One way to look at an item: its text, its title, its picture, its attribute words.

    centre: (w,) what the vectors have in common. weight: the view's share of what makes items alike. regression: (w,
    width) what it tells of an item's vector by itself.
    """

    centre: torch.Tensor
    weight: float
    regression: torch.Tensor

    def content(self, vectors: Vectors) -> torch.Tensor:
        """(n, w) without what they have in common, at length one; zeros, which are what an item lacks, stay zeros."""
        return without(vectors, self.centre)


@dataclass(frozen=True)
class Placement:
    """Fitted on trained items that are hidden and placed from the rest (`placement_fit.py`).

    The key of a new item has the direction of base + r + e. r is the ridge regression of trained keys on the views; e
    is what the keys of the 20 most alike trained items have beyond their mean and their own r, averaged by
    softmax(likeness / sharpness). Likeness is the mean of the views' cosines by their weights, over the views that the
    item has. common: (width,) the mean of the trained keys. base: (width,) the same for new ones, as long and as near
    to everybody as makes them neither too bold nor too shy.
    """

    views: Mapping[str, View]
    common: torch.Tensor
    base: torch.Tensor
    sharpness: float

    def place(
        self, views: Mapping[str, Vectors], new: torch.Tensor, old: torch.Tensor, keys: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, width) twice, of length one, for the rows `new`: as keys that are ranked, and as
        what histories have of them, where nothing is to be bold. views: vectors of all items; keys (k, width): of the
        rows `old`, of length one."""
        told = {name: view for name, view in self.views.items() if name in views}
        trained = {name: view.content(views[name][old.numpy()]) for name, view in told.items()}
        beyond = keys - self.common - self._regressed(trained)
        ranked, plain = [], []
        for some in torch.split(new, PLACED):
            own = {name: view.content(views[name][some.numpy()]) for name, view in told.items()}
            likeness, there = torch.zeros(len(some), len(old)), torch.zeros(len(some), 1)
            for name, view in told.items():
                likeness += view.weight * (own[name] @ trained[name].T)
                there += view.weight * own[name].any(dim=-1, keepdim=True)
            best, nearest = (likeness / there.clamp(min=1e-6)).topk(min(NEIGHBOURS, len(old)))
            weights = (best / self.sharpness).softmax(dim=-1) * (there > 0)  # nothing is like what we know nothing of
            tells = self._regressed(own) + torch.einsum("nk,nkw->nw", weights, beyond[nearest])
            ranked.append(F.normalize(self.base + tells, dim=-1))
            plain.append(F.normalize(self.common + tells, dim=-1))
        return torch.cat(ranked), torch.cat(plain)

    def _regressed(self, contents: Mapping[str, torch.Tensor]) -> torch.Tensor:
        items = next(iter(contents.values()), torch.zeros(1, 0))
        made = torch.zeros(len(items), len(self.common))
        for name, content in contents.items():
            made += content @ self.views[name].regression
        return made

    def save(self, folder: Path) -> dict[str, Any]:
        """Write the tensors into `folder`; the rest is returned, for its config."""
        tensors = {"common": self.common, "base": self.base}
        for name, view in self.views.items():
            tensors |= {f"{name}.centre": view.centre, f"{name}.regression": view.regression}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / FILE)
        return {"weights": {name: view.weight for name, view in self.views.items()}, "sharpness": self.sharpness}

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any] | None) -> Placement | None:
        """What `save` wrote; None where the config has none, as before there were any, or on too little data. Raises
        PromptrecError where the file is missing or broken."""
        if config is None:
            return None
        try:
            saved = load_file(folder / FILE)
            views = {
                name: View(saved[f"{name}.centre"], float(weight), saved[f"{name}.regression"])
                for name, weight in config["weights"].items()
            }
            return cls(views, saved["common"], saved["base"], float(config["sharpness"]))
        except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
            raise PromptrecError(f"{folder / FILE}: the placement cannot be read ({error}); train again") from None


def mean_of_nearest(
    contents: Sequence[torch.Tensor], new: torch.Tensor, old: torch.Tensor, parts: torch.Tensor
) -> torch.Tensor:
    """(n, width) for the rows `new` where no placement was fitted: the mean of the five trained parts (k, width), of
    the rows `old`, whose contents are nearest, all contents alike, weighted by softmax(cosine / sharpness)."""
    content = contents[0] if len(contents) == 1 else F.normalize(torch.cat(list(contents), dim=-1), dim=-1)
    like, made = content[old], []
    for some in torch.split(new, PLACED):
        cosines, nearest = (content[some] @ like.T).topk(min(UNFITTED_NEIGHBOURS, len(old)))
        weights = (cosines / UNFITTED_SHARPNESS).softmax(dim=-1)
        made.append(torch.einsum("nk,nkw->nw", weights, parts[nearest]))
    return torch.cat(made)
