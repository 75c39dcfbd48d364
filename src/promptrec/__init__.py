"""promptrec: a recommender that is trained once, frozen, and then steered by prompts."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptrec.data.importing import import_dataset
    from promptrec.recommender import Recommender
    from promptrec.report import evaluate
    from promptrec.training import train
    from promptrec.tune.tune import tune

__all__ = ["Recommender", "evaluate", "import_dataset", "train", "tune"]
_HOMES = {
    "Recommender": "promptrec.recommender",
    "evaluate": "promptrec.report",
    "import_dataset": "promptrec.data.importing",
    "train": "promptrec.training",
    "tune": "promptrec.tune.tune",
}


class _OnDemand(ModuleType):
    """Imports a public name where it is used: a service that starts needs no plots and no importer.

    Two functions are named like the packages they come from. Importing a package would put it in the function's place;
    here the public name stays the function.
    """

    def __getattribute__(self, name: str) -> Any:
        if name in _HOMES:
            return getattr(import_module(_HOMES[name]), name)
        return super().__getattribute__(name)


sys.modules[__name__].__class__ = _OnDemand
