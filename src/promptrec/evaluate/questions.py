"""What each protocol asks, and the facts that belong beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from promptrec.data.examples import Examples
from promptrec.data.split import Split
from promptrec.errors import PromptrecError

Protocol = Literal["leave-one-out", "time", "cold-people", "cold-items", "scenario"]
FIRST_EVENTS = (0, 1, 3, 5)


def questions(split: Split, protocol: str, matches: npt.NDArray[np.bool_] | None = None) -> dict[str, Examples]:
    """The examples of a protocol: `test` are reported first, `validation` are those that choices were made on.

    matches: the events of the scenario, for `scenario`. Raises PromptrecError for an unknown protocol, or where the
    model's training was not such that the protocol's questions are new to it.
    """
    if protocol not in get_args(Protocol):
        raise PromptrecError(f"--protocol {protocol!r}: expected one of {', '.join(get_args(Protocol))}")
    if (protocol == "scenario") != (matches is not None):
        raise PromptrecError("--protocol scenario and --scenario SQL go together")
    if protocol in ("leave-one-out", "time"):
        if protocol != split.protocol:
            raise PromptrecError(
                f"--protocol {protocol}: this model was trained with --split {split.protocol} and has seen some of the "
                f"answers; run `promptrec train --split {protocol}`"
            )
        found = {"test": split.asked("test"), "validation": split.asked("validation")}
    elif protocol == "cold-items":
        if not len(split.cold):
            raise PromptrecError(
                "--protocol cold-items: this model was trained on all items; run `promptrec train --items-out 0.05`"
            )
        found = {"test": split.cold_items(), "warm": split.asked("test")}
    else:
        if not len(split.test):
            raise PromptrecError(
                f"--protocol {protocol}: asks people kept out of training, and all were trained on; "
                "run `promptrec train --people-out 0.2`"
            )
        people = {"test": split.test, "validation": split.validation}
        if matches is None:
            found = {part: split.cold_people(own, FIRST_EVENTS) for part, own in people.items()}
        else:
            found = {part: split.matching(own, matches) for part, own in people.items()}
    if not len(found["test"]):
        raise PromptrecError(f"--protocol {protocol}: there is nobody to ask; more events or another share are needed")
    return {part: examples for part, examples in found.items() if len(examples)}


def facts(split: Split, examples: dict[str, Examples], ids: Sequence[str], seen: str) -> dict[str, Any]:
    """What a reader must know to repeat the numbers. ids: of the catalogue's rows."""
    return {
        "hash": split.hash,
        "seed": split.seed,
        "people_out": split.people_out,
        "trained_with": split.protocol,
        "cuts": None if split.cuts is None else list(split.cuts),
        "items_out": len(split.cold),
        "candidates": len(ids),
        "seen": seen,
        "ties": "an item with an answer's score counts as ahead of it; lists break ties by the SHA-256 of ids",
        "questions": {
            part: {
                "examples": len(asked),
                "people": len(np.unique(asked.people)),
                "answers": len(asked.answers.rows),
                "hash": asked.hash(ids),
            }
            for part, asked in examples.items()
        },
    }
