"""How new items are placed, fitted by hiding trained ones: what makes the validation events likeliest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from promptrec.backbone.content_space import main_directions, without
from promptrec.backbone.placement import NEIGHBOURS, Placement, View
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.backbone.views import views_of
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others
from promptrec.data.catalogue import Rows
from promptrec.data.examples import Answers, Examples
from promptrec.data.history import History
from promptrec.data.interactions import training_events
from promptrec.data.split import Split
from promptrec.seeding import generator

FOLDS = 10
MOST_HIDDEN = 1_500  # in all folds together
MOST_COSINES = 25_000_000
MOST_EVENTS, FEWEST_EVENTS = 3_000, 50
CANDIDATES = 50  # of each view
RIDGE = 3.0
CHUNK = 256
STEPS, RATE = 100, 0.1
LEAST_WEIGHT = 0.02
PLACES = 10
LIFTED_FOLDS, MOST_LIFT, HALVINGS = 3, 1.0, 8

Encode = Callable[[Sequence[History]], torch.Tensor]


def with_placement(
    backbone: SequenceBackbone, split: Split, vectors: Vectors, others: Others | None
) -> SequenceBackbone:
    """The trained backbone with a placement of new items, fitted on those that were trained on."""
    _, events = training_events(split)
    trained = np.unique(split.histories.rows[events])
    width = backbone.network.config.width
    placement = fit_placement(
        split,
        views_of(backbone.catalogue, vectors, others, trained),
        trained,
        backbone.encode_items(trained)[:, :width].cpu(),
        lambda histories: backbone.encode(histories, [{}] * len(histories))[:, :width],
        backbone.scale,
    )
    catalogue, ids = backbone.catalogue, backbone.trained
    return SequenceBackbone(
        backbone.network, backbone.space, ids, catalogue, vectors, others, backbone.words, placement
    )


def fit_placement(
    split: Split, views: Mapping[str, Vectors], trained: Rows, keys: torch.Tensor, encode: Encode, scale: float
) -> Placement | None:
    """The placement whose validation events are likeliest when trained items are hidden, a tenth at a time, and placed
    as if they were new. All events count, so that a new item stands as high as its events say; where that is so low
    that the hidden items have fewer of the first ten places than when they were trained, all are lifted until they
    have as many.

    views: vectors (n, w) of all items. keys: (k, width) of length one, of the rows `trained` (k,). encode: histories to
    queries of length one. scale: what makes logits of their products. None where there are too few events or items.
    """
    examples = _events(split, trained)
    if len(examples) < FEWEST_EVENTS or len(trained) < 2 * FOLDS:
        return None
    centres = {name: _centre(own[trained]) for name, own in views.items()}
    contents = {name: without(own[trained], centres[name]) for name, own in views.items()}
    contents = {name: own for name, own in contents.items() if own.any()}
    directions = {name: main_directions(own) for name, own in contents.items()}
    reduced = torch.cat([own @ directions[name] for name, own in contents.items()], dim=-1)
    folds = _folds(split, trained)
    events = _Events.of(examples, trained, keys, encode, scale, folds)
    hidden = [_Fold.of(fold, contents, reduced, keys) for fold in folds]
    widths = torch.tensor([own.shape[1] for own in directions.values()])
    chosen = _Choice(widths, keys.mean(dim=0), F.normalize(events.queries.mean(dim=0), dim=-1))
    optimizer = torch.optim.Adam(chosen.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=STEPS)
    for step in range(STEPS):
        number = step % len(hidden)
        optimizer.zero_grad()
        loss = events.loss(number, chosen.place(hidden[number]), scale)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        shares = chosen.shares.softmax(dim=0)
        chosen.shares[shares < LEAST_WEIGHT] = -torch.inf  # what tells nothing
        regression = torch.split(chosen.regression(reduced, keys), widths.tolist())
        told = {
            name: View(centres[name], float(share), directions[name] @ own)
            for name, share, own in zip(contents, chosen.shares.softmax(dim=0), regression, strict=True)
            if share
        }
        base = chosen.base() + _missing_lift(events, hidden, folds, chosen, keys) * chosen.everybody
        return Placement(told, chosen.common, base, float(chosen.sharp.exp()))


def _missing_lift(
    events: _Events, hidden: Sequence[_Fold], folds: Sequence[torch.Tensor], chosen: _Choice, keys: torch.Tensor
) -> float:
    """How far towards everybody hidden items must go to have the first places that they had; 0 where they have them."""
    some = range(min(LIFTED_FOLDS, len(folds)))
    due = sum(events.first_places(fold, keys[folds[fold]]) for fold in some)
    tells = [chosen.tells(hidden[fold]) for fold in some]

    def enough(lift: float) -> bool:
        base = chosen.base() + lift * chosen.everybody
        return sum(events.first_places(fold, F.normalize(base + tells[fold], dim=-1)) for fold in some) >= due

    low, high = 0.0, 0.0 if enough(0.0) else MOST_LIFT
    for _ in range(HALVINGS if high else 0):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _centre(vectors: Vectors) -> torch.Tensor:
    """(w,) the mean of those that are not zeros."""
    there = vectors[vectors.any(axis=1)]
    return torch.from_numpy(there.mean(axis=0) if len(there) else np.zeros(vectors.shape[1], np.float32))


def _events(split: Split, trained: Rows) -> Examples:
    """Up to 3,000 of what chooses: the validation events of training people, and those of people kept for choosing."""
    asked = split.asked("validation").apart()
    others = split.matching(split.validation, np.ones(len(split.histories.rows), dtype=bool))
    examples = Examples(
        split.histories,
        np.concatenate([asked.people, others.people]),
        np.concatenate([asked.positions, others.positions]),
        Answers.one_each(np.concatenate([asked.targets, others.targets])),
    )
    examples = examples.take(np.isin(examples.targets, trained))
    drawn = generator(split.seed, "placement events").permutation(len(examples))[:MOST_EVENTS]
    return examples.take(np.sort(drawn))


def _folds(split: Split, trained: Rows) -> list[torch.Tensor]:
    """Places in `trained` that are hidden together, from the items in the order in which they first occur, so that row
    numbers carry no meaning. Of many items only some are hidden: a thousand tell as much."""
    rows, first = np.unique(split.histories.rows, return_index=True)
    seen = rows[np.argsort(first)]
    places = np.searchsorted(trained, seen[np.isin(seen, trained)])
    drawn = torch.from_numpy(places[generator(split.seed, "placement folds").permutation(len(places))])
    size = max(1, min(len(drawn) // FOLDS, MOST_HIDDEN, MOST_COSINES // len(trained)))
    return [fold.sort().values for fold in torch.split(drawn, size)[: min(FOLDS, max(1, MOST_HIDDEN // size))]]


@dataclass(frozen=True)
class _Events:
    """Queries (e, width) of length one, and for each fold what does not depend on where its items are placed: the
    log-sum-exp of the others' logits, the answers' own logits, and where the answers stand in the fold, -1 if nowhere.
    best: for each fold (e, 10) the highest products with the others' keys.
    seen: for each fold (e, hidden), which of its items the person has had; they are no wrong answers.
    """

    queries: torch.Tensor
    others: list[torch.Tensor]
    best: list[torch.Tensor]
    answers: torch.Tensor
    places: list[torch.Tensor]
    seen: list[torch.Tensor]

    @classmethod
    def of(
        cls,
        examples: Examples,
        trained: Rows,
        keys: torch.Tensor,
        encode: Encode,
        scale: float,
        folds: Sequence[torch.Tensor],
    ) -> _Events:
        order = np.argsort(examples.positions, kind="stable")  # histories of one length go together: less padding
        examples = examples.take(order)
        targets = torch.from_numpy(np.searchsorted(trained, examples.targets))
        queries, others, best, answers, seen = [], [], [], [], []
        for start in range(0, len(examples), CHUNK):
            chunk = examples.take(np.arange(start, min(start + CHUNK, len(examples))))
            with torch.no_grad():
                queries.append(encode(list(chunk)).cpu())
            logits = scale * queries[-1] @ keys.T
            answers.append(logits.gather(1, targets[start : start + len(chunk), None])[:, 0])
            rows, offsets = chunk.known()
            owners = np.repeat(np.arange(len(chunk)), np.diff(offsets))
            there = np.isin(rows, trained) & (rows != chunk.targets[owners])
            had = torch.zeros(logits.shape, dtype=torch.bool)
            had[torch.from_numpy(owners[there]), torch.from_numpy(np.searchsorted(trained, rows[there]))] = True
            logits[had] = -torch.inf
            seen.append([had[:, fold] for fold in folds])
            whole, first = [], []
            for fold in folds:
                kept = logits.clone()
                kept[:, fold] = -torch.inf
                whole.append(kept.logsumexp(dim=-1))
                first.append(kept.topk(min(PLACES, len(trained))).values / scale)
            others.append(torch.stack(whole))
            best.append(torch.stack(first))
        places = torch.full((len(folds), len(trained)), -1)
        for own, fold in zip(places, folds, strict=True):
            own[fold] = torch.arange(len(fold))
        return cls(
            torch.cat(queries),
            list(torch.cat(others, dim=1)),
            list(torch.cat(best, dim=1)),
            torch.cat(answers),
            [own[targets] for own in places],
            [torch.cat([chunk[number] for chunk in seen]) for number in range(len(folds))],
        )

    def first_places(self, fold: int, placed: torch.Tensor) -> int:
        """How many of all first ten places the fold's items take, where they have the keys `placed` (hidden, width)."""
        products = (self.queries @ placed.T).masked_fill(self.seen[fold], -torch.inf)
        own = products.topk(min(PLACES, len(placed))).values
        last = torch.cat([self.best[fold], own], dim=-1).topk(self.best[fold].shape[1]).values[:, -1:]
        return int((own >= last).sum())

    def loss(self, fold: int, placed: torch.Tensor, scale: float) -> torch.Tensor:
        """The mean of -log p of the answers where the fold's items have the keys `placed` (hidden, width)."""
        logits = (scale * self.queries @ placed.T).masked_fill(self.seen[fold], -torch.inf)
        place = self.places[fold]
        own = logits.gather(1, place.clamp(min=0)[:, None])[:, 0]
        answers = torch.where(place >= 0, own, self.answers)
        return (torch.logaddexp(self.others[fold], logits.logsumexp(dim=-1)) - answers).mean()


@dataclass(frozen=True)
class _Fold:
    """What one tenth is placed from. own, rest: (n, d) the views' main directions side by side, of the hidden and of
    the others; keys: of the others; nearest (hidden, c) candidates among them, the cosines (hidden, c, views) with them
    and which views an item has (hidden, views)."""

    own: torch.Tensor
    rest: torch.Tensor
    keys: torch.Tensor
    nearest: torch.Tensor
    cosines: torch.Tensor
    there: torch.Tensor

    @classmethod
    def of(
        cls,
        hidden: torch.Tensor,
        contents: Mapping[str, torch.Tensor],
        reduced: torch.Tensor,
        keys: torch.Tensor,
    ) -> _Fold:
        kept = torch.ones(len(keys), dtype=torch.bool)
        kept[hidden] = False
        cosines = [own[hidden] @ own[kept].T for own in contents.values()]
        nearest = torch.cat([own.topk(min(CANDIDATES, own.shape[1])).indices for own in cosines], dim=-1).sort().values
        twice = F.pad(nearest[:, 1:] == nearest[:, :-1], (1, 0))
        found = torch.stack([own.gather(1, nearest) for own in cosines], dim=-1).masked_fill(twice[..., None], -1.0)
        there = torch.stack([own[hidden].any(dim=-1) for own in contents.values()], dim=-1)
        return cls(reduced[hidden], reduced[kept], keys[kept], nearest, found, there.float())


class _Choice(torch.nn.Module):
    """The numbers that are chosen, by gradient: a share for each view, the sharpness, and what makes the base.

    The ridge is not: the likelihood of all events asks for a stronger one, under which new items come up too seldom.
    """

    def __init__(self, widths: torch.Tensor, common: torch.Tensor, everybody: torch.Tensor) -> None:
        super().__init__()
        self.widths, self.common, self.everybody = widths, common, everybody
        self.shares = torch.nn.Parameter(torch.zeros(len(widths)))
        self.sharp = torch.nn.Parameter(torch.tensor(0.1).log())
        self.bold = torch.nn.Parameter(torch.tensor(2.0).log())
        self.height = torch.nn.Parameter(torch.tensor(0.0))

    def regression(self, rest: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """(d, width) of the views' directions, each view's as loud as its share."""
        loud = self.shares.softmax(dim=0).sqrt().repeat_interleave(self.widths)
        scaled = rest * loud
        square = scaled.T @ scaled + RIDGE * torch.eye(rest.shape[1])
        solved: torch.Tensor = torch.linalg.solve(square, scaled.T @ (keys - self.common))
        return loud[:, None] * solved

    def place(self, fold: _Fold) -> torch.Tensor:
        """(hidden, width) the keys of hidden items, of length one: what `Placement.place` does."""
        return F.normalize(self.base() + self.tells(fold), dim=-1)

    def tells(self, fold: _Fold) -> torch.Tensor:
        """(hidden, width) what regression and neighbours say of hidden items."""
        weights = self.shares.softmax(dim=0)
        regression = self.regression(fold.rest, fold.keys)
        beyond = fold.keys - self.common - fold.rest @ regression
        likeness = fold.cosines @ weights / (fold.there @ weights).clamp(min=1e-6)[:, None]
        best, chosen = likeness.topk(min(NEIGHBOURS, likeness.shape[1]))
        alike = (best / self.sharp.exp()).softmax(dim=-1)
        echo = torch.einsum("nk,nkw->nw", alike, beyond[fold.nearest.gather(1, chosen)])
        return fold.own @ regression + echo

    def base(self) -> torch.Tensor:
        """(width,) the less of it there is, the bolder are new items: the more they differ from one another."""
        return (self.common + self.height * self.everybody) / self.bold.exp()
