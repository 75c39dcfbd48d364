"""How high the accepted answer stands among all answers, by words, by meaning and by both.

    python measure.py WORKSPACE [FOLDS] [SEED]

WORKSPACE has the data imported with answers.toml; the questions are read from `data` beside this file. Every question
with an accepted answer is asked once, in one of FOLDS (5) parts; what is chosen for it comes from the other parts, and
the accepted answers of its own part are in no history.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from questions import Ints, Questions, Scores
from signals import Remembered, Words, acceptance, plain_meaning, sentence_meaning

from promptrec import Recommender
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.data.dataset import Dataset
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.query import Query
from promptrec.rank.lexical import Lexical
from promptrec.training import train
from promptrec.workspace import Workspace

DATA = Path(__file__).parent / "data"
SHARES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
BM25 = [(k1, b, titles) for k1 in (1.5, 2.0) for b in (0.75, 0.9, 1.0) for titles in (1, 3, 5)]
AUTHOR_WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0)
LONGEST_REQUEST = 2_000


def measure(dataset: Dataset, questions: Questions, seed: int, cache: Path) -> Iterator[tuple[str, Ints]]:
    """Each method and the ranks of the accepted answers. cache: where the encoder's vectors are kept."""
    answers = dataset.catalogue.texts
    words = Words(questions, answers)
    yield "BM25, untuned", questions.ranks(words.score(1.5, 0.75, 1))
    yield "encoder, untuned", questions.ranks(plain_meaning(questions, answers, cache))
    by_setting = {setting: standardised(words.score(*setting)) for setting in BM25}
    yield "BM25, tuned", questions.crossed({setting: questions.ranks(own) for setting, own in by_setting.items()})
    sentences = standardised(sentence_meaning(questions, answers, cache))
    yield "encoder, sentences, whitened", questions.ranks(sentences)
    blends = {
        (*setting, share): share * own + (1 - share) * sentences
        for setting, own in by_setting.items()
        for share in SHARES
    }
    measured = {setting: questions.ranks(own) for setting, own in blends.items()}
    yield "both, tuned", questions.crossed(measured)
    ranks = np.empty(len(questions), dtype=np.int64)
    for fold in np.unique(questions.fold):
        blend, shares = blends[questions.chosen(measured, fold)], acceptance(questions, fold)
        weighed = {weight: questions.ranks(blend + weight * shares) for weight in AUTHOR_WEIGHTS}
        asked = questions.fold == fold
        ranks[asked] = weighed[questions.chosen(weighed, fold)][asked]
    yield "both, and who answered", ranks
    yield from released(dataset, questions, seed, cache)


def released(dataset: Dataset, questions: Questions, seed: int, cache: Path) -> Iterator[tuple[str, Ints]]:
    """The same for promptrec as it is trained and asked: by meaning alone, with words, and with the asker's history."""
    requests = [request[:LONGEST_REQUEST] for request in questions.requests()]
    words = Lexical(dataset.catalogue.texts, 1.0)
    by_words = standardised(np.stack([words.score(request) for request in requests]))
    recommender = train_without(dataset, questions, seed, cache)
    recommender.requests.text_encoder = Remembered(OfflineTextEncoder())
    for name, with_history in (("promptrec", False), ("and history", True)):
        by_meaning, seen = meaning(recommender, questions, requests, with_history)
        blends = {share: share * by_words + (1 - share) * standardised(by_meaning) for share in SHARES}
        measured = {share: questions.ranks(np.where(seen, -np.inf, blend)) for share, blend in blends.items()}
        if not with_history:
            yield "promptrec, meaning alone", measured[0.0]
        chosen = sorted({questions.chosen(measured, fold) for fold in np.unique(questions.fold)})
        yield f"{name}, --lexical {' or '.join(map(str, chosen))}", questions.crossed(measured)


def train_without(dataset: Dataset, questions: Questions, seed: int, cache: Path) -> Recommender:
    """A release that knows neither the questions nor who wrote their accepted answers: those of no part, so that one
    model serves all."""
    ids = [dataset.catalogue.ids[row] for row in questions.targets]
    events = dataset.events.filter(
        ~pl.col("item").is_in(ids).fill_null(False) & ~pl.col("query").is_in(questions.titles).fill_null(False)
    )
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        Dataset(events, dataset.items, None, dataset.manifest).save(workspace.dataset)
        shutil.copy(cache, workspace.dataset / "vectors.safetensors")
        return train(workspace, people_out=0.0, seed=seed)


def meaning(
    recommender: Recommender, questions: Questions, requests: list[str], with_history: bool
) -> tuple[Scores, np.ndarray]:
    """(q, a) how the release scores each request, with what the asker had done before, and (q, a) what that was."""
    queries = []
    for request, asker, time in zip(requests, questions.askers, questions.times, strict=True):
        before = [event for event in recommender.history_of(asker or "") if event[1] is not None and event[1] < time]
        history, _ = recommender.catalogue.history(before if with_history else [])
        queries.append(Query(history=history, request=request, prompt=recommender.prompt_for(request, history=history)))
    scores = recommender.backbone.score(queries)
    seen = np.zeros(scores.shape, dtype=bool)
    for own, query in zip(seen, queries, strict=True):
        own[query.history.rows] = True
    return scores, seen


def standardised(scores: Scores) -> Scores:
    """Rows with mean 0 and standard deviation 1."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    result: Scores = centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-9)
    return result


def main(workspace: Path, folds: int = 5, seed: int = 0) -> None:
    dataset = Dataset.load(Workspace(workspace).dataset)
    questions = Questions.read(DATA, dataset.catalogue, folds, seed)
    own = questions.own()
    print(
        f"{len(questions)} questions, {len(dataset.catalogue):,} answers, {folds} folds; "
        f"{own.sum()} accepted their own answer"
    )
    print(f"{'':34}{'MRR (95% interval)':22}{'hit@1':>7}{'@5':>6}{'@10':>6}{'others':>8}{'own':>6}  against BM25")
    usual = None
    for name, ranks in measure(dataset, questions, seed, workspace / "questions.safetensors"):
        reciprocal = 1 / (ranks + 1.0)
        usual = reciprocal if usual is None else usual
        mrr, ahead = bootstrap_interval(reciprocal, seed), paired_difference(reciprocal, usual, seed)
        hits = "".join(f"{(ranks < k).mean():6.3f}" for k in (1, 5, 10))
        apart = (
            f"{reciprocal[~own].mean():8.3f}{reciprocal[own].mean():6.3f}"
            if own.any()
            else f"{mrr['value']:8.3f}     –"
        )
        against = f"{ahead['value']:+.3f} ({ahead['low']:+.3f} to {ahead['high']:+.3f})"
        print(
            f"{name:34}{mrr['value']:.3f} ({mrr['low']:.3f} to {mrr['high']:.3f}) {hits}{apart}  {against}", flush=True
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
