"""What a prompt lifts and sinks, for prompts whose card does not say it because they were written, not tuned."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np

from promptrec.data.examples import Examples
from promptrec.prompt.slots import has_slots
from promptrec.serve.engine.engine import Engine
from promptrec.tune.reading import read

KEPT = 200
KEYS = ("attributes_lifted", "attributes_sunk", "items_lifted", "items_sunk", "nearest_requests")


class Readings:
    """Read when somebody looks, one at a time, and kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[tuple[str, int, str], dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, name: str, version: int) -> dict[str, Any]:
        """The reading of a version; nothing where its words are another person's with each history. Raises
        PromptrecError for a prompt that the current model cannot use.
        """
        recommender = self._engine.current.catalogued
        key = (name, version, recommender.backbone.fingerprint)
        with self._lock:
            if key not in self._known:
                prompt = self._engine.current.prompts.load(name, version)
                recommender.backbone.check(prompt)
                histories = recommender.dataset.histories
                people = np.flatnonzero(histories.lengths() > 1)
                if has_slots(prompt.words) or not len(people):
                    return {}
                examples = Examples(histories, people, histories.lengths()[people])
                self._known[key] = read(recommender, prompt, examples, seed=0)
                if len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return self._known[key]
