"""What somebody plays next to what they are known to play: models, and friends' listening where little is known.

    python measure.py WORKSPACE [FRIENDS] [SEED]

WORKSPACE has the data imported with social.toml. FRIENDS is friends.csv.gz (user_id, friend_id), by default that of
$PROMPTREC_DATA/lastfm.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from listening import Floats, Parts, PeopleEase, Scores, Sparse, ndcg, ones
from scipy import sparse

from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.kinds import train_backbone
from promptrec.baselines.ials import IALS
from promptrec.baselines.item_knn import ItemKNN
from promptrec.baselines.popularity import Popularity
from promptrec.content.cache import encode_cached
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.evaluate.significance import bootstrap_interval, paired_difference
from promptrec.prompt.query import Query
from promptrec.seeding import generator
from promptrec.workspace import Workspace

Model = Callable[[Sparse], Scores]  # histories (b, artists) to scores (b, artists)
EASE = (50.0, 100.0, 200.0, 400.0)
IALS_REGULARISATION = (10.0, 30.0, 60.0, 100.0)
PLAYED = (0, 1, 3, 5, 10)
FRIENDS = (0.0, 1.0, 3.0, 10.0, 30.0)
POPULARITY = (0.001, 0.03, 0.1, 0.3)
NEWCOMER_EASE = 100.0
FOLDS = 5


def popularity(training: Sparse) -> Model:
    counts = Popularity.fit(ones(training)).counts
    return lambda histories: np.tile(counts, (histories.shape[0], 1))


def item_knn(training: Sparse) -> Model:
    directions = ItemKNN.fit(training).directions
    return lambda histories: ((histories @ directions) @ directions.T).toarray()


def ease(training: Sparse, regularisation: float) -> Model:
    return PeopleEase.fit(training, regularisation).score


def ials(seed: int, training: Sparse, regularisation: float) -> Model:
    model = IALS.fit(training, seed, regularisation=regularisation).model

    def score(histories: Sparse) -> Scores:
        people = model.recalculate_user(np.arange(histories.shape[0]), histories)
        scores: Scores = people @ model.item_factors.T
        return scores

    return score


def promptrec(dataset: Dataset, training: Sparse, kind: str, seed: int, cache: Path) -> Model:
    """A trained model. It reads histories as sequences; there is no order, so a random one is given to all."""
    rng = generator(seed, "order")

    def shuffled(rows: np.ndarray) -> np.ndarray:
        return rng.permutation(rows).astype(np.int64)

    events = [
        (user, dataset.catalogue.ids[row], None, "play", None, 1.0, None)
        for person, user in enumerate(dataset.histories.users)
        for row in shuffled(training[person].indices)
    ]
    shuffled_dataset = Dataset(pl.DataFrame(events, schema=EVENT_COLUMNS, orient="row"), dataset.items)
    vectors = encode_cached(dataset.catalogue.texts, OfflineTextEncoder(), cache)
    split = Split.of(shuffled_dataset.histories, seed, people_out=0.0)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "checkpoint.safetensors", {})
        backbone, _ = train_backbone(kind, split, dataset.catalogue, vectors, seed, checkpoint)

    def score(histories: Sparse) -> Scores:
        queries = [shuffled(histories[i].indices) for i in range(histories.shape[0])]
        parts = [
            backbone.score(
                [Query(history=History(rows, np.full(len(rows), np.nan))) for rows in queries[start : start + 256]]
            )
            for start in range(0, len(queries), 256)
        ]
        return np.concatenate(parts)

    return score


def compare(dataset: Dataset, parts: Parts, seed: int, cache: Path) -> Iterator[tuple[str, Floats]]:
    """Each model and NDCG@10 of each person, fitted on all but the test part, with settings chosen on the validation
    part. cache: where the vectors of the artists' names are kept."""
    yield "popularity", scored(popularity(parts.before_test), parts.before_test, parts.test)
    for counted, known, before in (
        ("", ones(parts.known), ones(parts.before_test)),
        (", log plays", parts.known, parts.before_test),
    ):
        yield f"item kNN{counted}", scored(item_knn(before), before, parts.test)
        for name, fit, settings in (("EASE", ease, EASE), ("iALS", partial(ials, seed), IALS_REGULARISATION)):
            gains = {setting: scored(fit(known, setting), known, parts.validation) for setting in settings}
            chosen = best(settings, gains.__getitem__)
            yield f"{name}{counted}, {chosen:g}", scored(fit(before, chosen), before, parts.test)
    for kind in ("sequence", "factorization"):
        model = promptrec(dataset, parts.before_test, kind, seed, cache)
        yield f"promptrec, {kind}", scored(model, parts.before_test, parts.test)


def scored(model: Model, histories: Sparse, answers: Sparse) -> Floats:
    return ndcg(model(histories), histories, answers)


def few_plays(parts: Parts, friends: Sparse, seed: int) -> dict[int, tuple[Floats, Floats, Floats]]:
    """{artists known of a new person: NDCG@10 of each person without friends, with them, and by friends alone}.

    A fifth of the people at a time is new: not fitted on, and all but a few of their artists forgotten. Their friends'
    listening joins their history with the weight of so many artists. That weight, and how much popularity counts, are
    chosen on the next fifth, new as well.
    """
    before = parts.before_test
    heard = friends @ before
    heard = sparse.diags(1 / np.maximum(np.asarray(heard.sum(axis=1)).ravel(), 1e-9)) @ heard
    fold = generator(seed, "folds").permutation(before.shape[0]) % FOLDS
    found = {n: (np.empty(len(fold)), np.empty(len(fold)), np.empty(len(fold))) for n in PLAYED}
    for k in range(FOLDS):
        new, choosing = np.flatnonzero(fold == k), np.flatnonzero(fold == (k + 1) % FOLDS)
        others = before[np.flatnonzero((fold != k) & (fold != (k + 1) % FOLDS))]
        counts = Popularity.fit(ones(others)).counts
        model, popular = ease(others, NEWCOMER_EASE), counts / counts.max()
        listening = [model(heard[people]) for people in (choosing, new)]
        for n, (without, with_friends, alone) in found.items():
            history = some(before, n, seed)
            chosen_on, reported = (
                Newcomers(history[people], model(history[people]), friendly, popular, parts.test[people])
                for people, friendly in zip((choosing, new), listening, strict=True)
            )
            of_popularity = best(POPULARITY, partial(chosen_on.ndcg, 0.0))
            of_friends = best(FRIENDS, partial(chosen_on.ndcg, of_popularity=of_popularity))
            without[new] = reported.ndcg(0.0, of_popularity)
            with_friends[new] = reported.ndcg(of_friends, of_popularity)
            alone[new] = ndcg(heard[new].toarray(), history[new], parts.test[new])
    return found


@dataclass(frozen=True)
class Newcomers:
    """What can be recommended to people who were not fitted on.

    own, friends: (people, artists) what the model makes of the artists known of them, and of what their friends play;
    EASE is linear in the history, so what friends count is a factor. popular: (artists,) up to one.
    """

    known: Sparse
    own: Scores
    friends: Scores
    popular: Scores
    answers: Sparse

    def ndcg(self, of_friends: float, of_popularity: float) -> Floats:
        """of_friends: what their listening counts, in artists; of_popularity: what the most popular artist has."""
        scores = self.own + of_friends * self.friends + of_popularity * self.popular
        return ndcg(scores, self.known, self.answers)


def some(histories: Sparse, n: int, seed: int) -> Sparse:
    """At most n of each history, by chance; those with a smaller n are among those with a larger one."""
    lengths = np.diff(histories.indptr)
    people = np.repeat(np.arange(len(lengths)), lengths)
    order = np.lexsort((generator(seed, "few").random(len(people)), people))
    place = np.empty(len(people), dtype=np.int64)
    place[order] = np.arange(len(people)) - np.repeat(histories.indptr[:-1], lengths)
    kept = place < n
    return sparse.csr_matrix((histories.data[kept], (people[kept], histories.indices[kept])), histories.shape)


def best(settings: Sequence[float], measured: Callable[[float], Floats]) -> float:
    """The setting with the best mean."""
    return max(settings, key=lambda setting: float(np.nanmean(measured(setting))))


def friendships(file: Path, users: tuple[str, ...]) -> Sparse:
    """(people, people) CSR, one where the two are friends."""
    number = {user: person for person, user in enumerate(users)}
    pairs = pl.read_csv(file, infer_schema=False).select("user_id", "friend_id").rows()
    known = [(number[a], number[b]) for a, b in pairs if a in number and b in number]
    rows, columns = np.array(known, dtype=np.int64).reshape(-1, 2).T
    return sparse.csr_matrix((np.ones(len(known), np.float32), (rows, columns)), (len(users), len(users)))


def shown(found: dict[str, float], sign: str = "") -> str:
    return f"{found['value']:{sign}.3f} ({found['low']:{sign}.3f} to {found['high']:{sign}.3f})"


def main(workspace: Path, friends: Path, seed: int = 0) -> None:
    dataset = Dataset.load(Workspace(workspace).dataset)
    parts = Parts.of(dataset.histories, len(dataset.catalogue), seed)
    asked = np.diff(parts.test.indptr) > 0
    print(f"NDCG@10 of the fifth of their artists that was hidden, {asked.sum():,} people")
    for name, gains in compare(dataset, parts, seed, workspace / "dataset/vectors.safetensors"):
        print(f"{name:28}{shown(bootstrap_interval(gains[asked], seed))}", flush=True)
    print("\nnew people: artists known   without friends   with friends   difference   friends alone")
    for n, found in few_plays(parts, friendships(friends, dataset.histories.users), seed).items():
        without, with_friends, alone = (gains[asked] for gains in found)
        columns = (bootstrap_interval(without, seed), bootstrap_interval(with_friends, seed))
        print(
            n,
            *map(shown, columns),
            shown(paired_difference(with_friends, without, seed), "+"),
            shown(bootstrap_interval(alone, seed)),
        )


if __name__ == "__main__":
    given = sys.argv[1:]
    if len(given) < 2 and "PROMPTREC_DATA" not in os.environ:
        sys.exit("no friends: set PROMPTREC_DATA to a folder with lastfm/friends.csv.gz; convert.py makes it")
    friends = Path(given[1]) if given[1:] else Path(os.environ["PROMPTREC_DATA"]) / "lastfm/friends.csv.gz"
    main(Path(given[0]), friends, *map(int, given[2:]))
