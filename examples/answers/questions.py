"""The questions with an accepted answer, in parts, and how high that answer stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.catalogue import Catalogue
from promptrec.seeding import generator

Ints = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Questions:
    """titles, texts, askers, times: of each question.

    targets: (q,) the catalogue row of its accepted answer; fold: (q,) the part it belongs to; writers: (a,) who wrote
    each answer; asked: (a,) the question that each answer belongs to, -1 where no answer to it was accepted.
    """

    titles: list[str]
    texts: list[str]
    askers: list[str | None]
    times: list[float]
    targets: Ints
    fold: Ints
    writers: list[str | None]
    asked: Ints

    @classmethod
    def read(cls, folder: Path, catalogue: Catalogue, folds: int, seed: int) -> Questions:
        """From the files that convert.py wrote, without the questions whose accepted answer is not in the catalogue."""
        answers = pl.read_csv(folder / "answers.csv", infer_schema=False)
        answers = answers.with_columns(row=pl.Series(catalogue.rows(answers["answer_id"].to_list())))
        answers = answers.filter(pl.col("row") >= 0).sort("row")
        questions = pl.read_csv(folder / "questions.csv", infer_schema=False)
        questions = questions.filter(pl.col("accepted").is_in(answers["answer_id"].implode()).fill_null(False))
        number = {id_: i for i, id_ in enumerate(questions["question_id"])}
        return cls(
            titles=questions["title"].to_list(),
            texts=questions["text"].to_list(),
            askers=questions["author"].to_list(),
            times=[datetime.fromisoformat(f"{time}+00:00").timestamp() for time in questions["time"]],
            targets=catalogue.rows(questions["accepted"].to_list()),
            fold=generator(seed, "folds").permutation(len(questions)) % folds,
            writers=answers["author"].to_list(),
            asked=np.array([number.get(id_, -1) for id_ in answers["question_id"]]),
        )

    def __len__(self) -> int:
        return len(self.targets)

    def requests(self) -> list[str]:
        """Title and text, as one would ask."""
        return [f"{title} {text}" for title, text in zip(self.titles, self.texts, strict=True)]

    def own(self) -> npt.NDArray[np.bool_]:
        """(q,) whether who asked also wrote the accepted answer."""
        return np.array([self.writers[row] == who for row, who in zip(self.targets, self.askers, strict=True)])

    def ranks(self, scores: Scores) -> Ints:
        """(q,) the rank from 0 of each accepted answer in scores (q, a); equal scores stand before it."""
        wanted = scores[np.arange(len(self)), self.targets]
        ranks: Ints = (~(scores < wanted[:, None])).sum(axis=1) - 1
        return ranks

    def chosen(self, measured: Mapping[Any, Ints], fold: int) -> Any:
        """The setting whose ranks (q,) have the best MRR on the other parts than `fold`."""
        others = self.fold != fold
        return max(measured, key=lambda setting: float((1 / (measured[setting][others] + 1.0)).mean()))

    def crossed(self, measured: Mapping[Any, Ints]) -> Ints:
        """(q,) each part's ranks with the setting that is chosen on the other parts."""
        ranks = np.empty(len(self), dtype=np.int64)
        for fold in np.unique(self.fold):
            ranks[self.fold == fold] = measured[self.chosen(measured, fold)][self.fold == fold]
        return ranks
