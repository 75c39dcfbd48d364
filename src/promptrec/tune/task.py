"""What a prompt is made for: examples to learn from, to choose on and to test on."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from promptrec.backbone.language.backbone import LanguageBackbone
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import Histories, History
from promptrec.data.scenario import match
from promptrec.data.split import Examples, Split
from promptrec.errors import PromptrecError
from promptrec.recommender import Recommender
from promptrec.seeding import generator

FEWEST_LINES = 5
KEPT_TO_CHOOSE = 5  # one line of a file of histories in five chooses, the others are tuned on


@dataclass(frozen=True)
class Task:
    """training: of training people, or lines of a file; validation: they choose; test: they score once, at the end.

    words: what the task is called; source: a file of examples as it was read, kept with the prompt.
    """

    words: str
    training: Examples
    validation: Examples
    test: Examples
    source: bytes | None = None


def task_of(
    recommender: Recommender, scenario: str | None, examples: str | Path | None, limit: int | None, seed: int
) -> Task:
    """The task of a scenario or of a file of examples, with at most `limit` training examples, drawn with the seed.

    A file is CSV with the columns `user,item` (an event of the dataset each; a person's role in the split decides
    whether it is tuned on, chosen on or tested on) or `history,item` (ids separated by spaces, oldest first),
    or, for the language backbone, `request,item` with the words of a request, and a history or none.
    Raises PromptrecError where nothing is left to tune or to choose on, or a line cannot be used.
    """
    if (scenario is None) == (examples is None):
        raise PromptrecError("expected a scenario or a file of examples, one of the two")
    task = (
        _of_scenario(recommender, scenario)
        if scenario is not None
        else _of_file(recommender, Path(str(examples)), seed)
    )
    if limit is not None:
        if limit < 1:
            raise PromptrecError(f"--limit: expected at least 1 example, found {limit}")
        drawn = generator(seed, "limit").permutation(len(task.training))[:limit]
        task = replace(task, training=task.training.take(np.sort(drawn)))
    if not len(task.training):
        only = "only people kept out of training match" if len(task.validation) + len(task.test) else "nobody matches"
        raise PromptrecError(
            f"{task.words!r}: no training person has an event that matches and one before it ({only}), so there is "
            "nothing to tune on; widen it"
        )
    if not len(task.validation):
        raise PromptrecError(
            f"{task.words!r}: no validation person matches, so no step of tuning can be chosen; widen it, or train "
            "with a greater --people-out"
        )
    return task


def _of_scenario(recommender: Recommender, scenario: str) -> Task:
    split, matches = recommender.split, match(recommender.dataset, scenario)
    return _by_role(scenario, split, matches)


def _by_role(words: str, split: Split, matches: npt.NDArray[np.bool_]) -> Task:
    training, validation, test = (split.matching(p, matches) for p in (split.training, split.validation, split.test))
    return Task(words, training, validation, test)


def _of_file(recommender: Recommender, file: Path, seed: int) -> Task:
    try:
        source = file.read_bytes()
        lines = list(csv.DictReader(source.decode("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PromptrecError(f"{file}: the examples cannot be read ({error}); expected CSV in UTF-8") from None
    columns = set(lines[0]) if lines else set()
    if {"request", "item"} <= columns:
        if not isinstance(recommender.backbone, LanguageBackbone):
            raise PromptrecError(
                f"{file}: examples with requests are for the language backbone; train it, or leave them out"
            )
        task = _of_histories(recommender.catalogue, file, [{"history": "", **line} for line in lines], seed)
    elif {"history", "item"} <= columns:
        task = _of_histories(recommender.catalogue, file, lines, seed)
    elif {"user", "item"} <= columns:
        task = _of_events(recommender, file, lines)
    else:
        found = ", ".join(str(name) for name in sorted(columns, key=str)) or "no line"
        raise PromptrecError(f"{file}: expected the columns user,item or history,item or request,item, found {found}")
    return replace(task, source=source)


def _of_histories(catalogue: Catalogue, file: Path, lines: list[dict[str, str]], seed: int) -> Task:
    if len(lines) < FEWEST_LINES:
        raise PromptrecError(f"{file}: {len(lines)} examples; at least {FEWEST_LINES} are needed to tune and to choose")
    rows = []
    for number, line in enumerate(lines, 2):
        ids = [*(line["history"] or "").split(), (line["item"] or "").strip()]
        own = catalogue.rows(ids)
        if (own < 0).any():
            raise PromptrecError(
                f"{file}, line {number}: item {ids[int((own < 0).argmax())]!r} is not in the catalogue"
            )
        rows.append(own)
    lengths = np.array([len(own) for own in rows], dtype=np.int64)
    flat = np.concatenate(rows)
    nothing = np.full(len(flat), np.nan)
    users = tuple(f"line {number}" for number in range(2, len(lines) + 2))
    histories = Histories(users, np.concatenate([[0], np.cumsum(lengths)]), flat, nothing, nothing)
    requests = tuple(line["request"] or "" for line in lines) if "request" in lines[0] else None
    everything = Examples(histories, np.arange(len(lines), dtype=np.int64), lengths - 1, None, requests)
    order = generator(seed, "examples").permutation(len(lines))
    chooses = max(1, len(lines) // KEPT_TO_CHOOSE)
    tuned, choosing, nobody = np.sort(order[chooses:]), np.sort(order[:chooses]), np.empty(0, dtype=np.int64)
    return Task(file.name, everything.take(tuned), everything.take(choosing), everything.take(nobody))


def _of_events(recommender: Recommender, file: Path, lines: list[dict[str, str]]) -> Task:
    split, catalogue = recommender.split, recommender.catalogue
    people = {user: person for person, user in enumerate(split.histories.users)}
    matches = np.zeros(len(split.histories.rows), dtype=bool)
    for number, line in enumerate(lines, 2):
        user, item = (line["user"] or "").strip(), (line["item"] or "").strip()
        person = people.get(user)
        history = split.histories.of(person) if person is not None else History.of([])
        found = np.flatnonzero(history.rows == catalogue.rows([item])[0])
        if person is None or not len(found):
            raise PromptrecError(f"{file}, line {number}: the dataset has no event of user {user!r} on item {item!r}")
        matches[split.histories.offsets[person] + found[-1]] = True
    return _by_role(file.name, split, matches)
