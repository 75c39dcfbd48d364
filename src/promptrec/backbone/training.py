"""Stage 1: fit the backbone on histories alone, choose the epoch on validation, freeze."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch.nn import LinearCrossEntropyOptions

from promptrec.backbone.checkpoint import Checkpoint, Run
from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.ensemble import side_by_side
from promptrec.backbone.fitting import fit
from promptrec.backbone.item_words import NO_WORDS, ItemWords, words_of_items
from promptrec.backbone.network import ItemContent, NetworkConfig, SequenceNetwork, unit
from promptrec.backbone.placement_fit import with_placement
from promptrec.backbone.sequence import SequenceBackbone, device, item_content, pad
from promptrec.backbone.settings import Settings
from promptrec.backbone.start import Shares, shared_start
from promptrec.backbone.validation import next_item_ndcg, some
from promptrec.content.encoder import Vectors
from promptrec.content.items import Others, learnt
from promptrec.data.catalogue import Catalogue, Rows
from promptrec.data.history import History
from promptrec.data.split import Split
from promptrec.progress import say
from promptrec.seeding import generator

BATCH = 32
LEARNING_RATE = 2e-3
EPOCHS = 30
FEWER_EPOCHS = 16
NEGATIVES = 1_024
SHORT, MANY = 20, 5_000
FITTING, CUT = 50, 0.5
LARGE = 500_000
SHORT_HISTORIES = Settings(
    1e-2,
    NEGATIVES,
    batch=128,
    epochs=30,
    sorted_together=50,
    factors=True,
    words=True,
    network={"dropout": 0.4, "content_dropout": 0.0, "length": 50},
)
PATIENCE = 10
FULL_SOFTMAX_ITEMS = 5_000
MANY_LOGITS = 8_000_000  # more do not fit a processor's cache, and are computed in parts


def train_sequence(
    split: Split,
    catalogue: Catalogue,
    vectors: Vectors,
    seed: int,
    settings: Settings | None = None,
    checkpoint: Checkpoint | None = None,
    others: Others | None = None,
) -> tuple[SequenceBackbone, dict[str, Any]]:
    """Train on the training people's events and return the frozen backbone and its curve.

    The loss is the cross-entropy of the next item: over the whole catalogue up to 5,000 items, above that over 1,024
    uniform negatives shared by the batch together with its own items, log-Q corrected (Bengio and Senecal, 2008).
    Items that the split holds out are no wrong answers, and have no id part. checkpoint: where the state is kept after
    each epoch, and found again. others: vectors of the modalities besides text.
    """
    settings = settings or suited(split)
    words = ItemWords.fit(catalogue) if settings.words else NO_WORDS
    space = ContentSpace.fit(catalogue, vectors, others)
    content = item_content(space, words, catalogue, vectors, others)
    config = NetworkConfig(
        len(catalogue),
        vectors.shape[1],
        modalities={name: own.shape[1] for name, own in sorted(learnt(others).items())},
        words=len(words.words),
        **settings.network,  # type: ignore[arg-type]
    )
    start = _start(split, content, config, seed) if settings.factors else None
    members = [
        _train_member(member, split, content, config, start, seed, settings, checkpoint)
        for member in range(settings.members)
    ]
    network, facts = members[0] if len(members) == 1 else _ensemble(members, content, split)
    facts["test_ndcg@10"] = next_item_ndcg(
        partial(_scores, network, content), some(split.asked("test").apart(), split.seed)
    )
    backbone = SequenceBackbone(network, space, catalogue.ids, catalogue, vectors, others, words)
    # With one view that tells something there is nothing to weigh: the five nearest find more of Beauty's new items.
    if not others and not any(words_of_items(catalogue)):
        return backbone, facts
    placed = with_placement(backbone, split, vectors, others)
    several = placed.placement is not None and len(placed.placement.views) > 1
    return placed if several else backbone, facts


def _train_member(
    member: int,
    split: Split,
    content: ItemContent,
    config: NetworkConfig,
    start: Shares | None,
    seed: int,
    settings: Settings,
    checkpoint: Checkpoint | None,
) -> tuple[SequenceNetwork, dict[str, Any]]:
    """A network trained alone; those of an ensemble differ in what is drawn."""
    number = f" {member}" if member else ""
    torch.manual_seed(int(generator(seed, f"train{number}").integers(2**31)))
    rng = generator(seed, f"batches{number}")
    network = SequenceNetwork(config).to(device())
    with torch.no_grad():
        network.item_id.weight[torch.from_numpy(split.cold)] = 0
    known = np.setdiff1d(np.arange(config.items), split.cold)
    if start is not None:
        _start_at_factors(network, start)

    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=settings.epochs)
    lengths = split.training_lengths()
    validation = some(split.asked("validation").apart(), split.seed)
    chosen = {
        "learning_rate": settings.learning_rate,
        "negatives": settings.negatives if config.items > FULL_SOFTMAX_ITEMS else "all items",
        "batch": settings.batch,
        "epochs": settings.epochs,
        "factors": settings.factors,
        "cut": settings.cut,
        "words": settings.words,
        "members": settings.members,
        "patience": PATIENCE,
        "network": asdict(config),
    }
    facts = fit(
        Run(network, optimizer, schedule, rng, epoch=-1),
        batches=lambda: _batches(split, lengths, config.length, settings, rng),
        loss=lambda histories: _loss(network, content, known, histories, settings.negatives, rng),
        validate=lambda: next_item_ndcg(partial(_scores, network, content), validation),
        epochs=settings.epochs,
        patience=PATIENCE,
        checkpoint=None if checkpoint is None else checkpoint.member(member).of(settings=chosen),
    )
    return network, {**facts, "settings": chosen}


def _ensemble(
    members: Sequence[tuple[SequenceNetwork, dict[str, Any]]], content: ItemContent, split: Split
) -> tuple[SequenceNetwork, dict[str, Any]]:
    """The networks side by side, and what a card says of them: points of curves are told apart by `member`."""
    network = side_by_side([member for member, _ in members])
    of_all = [facts for _, facts in members]
    found = next_item_ndcg(partial(_scores, network, content), some(split.asked("validation").apart(), split.seed))
    say(f"mean of {len(members)} networks: validation NDCG@10 {found:.4f}")
    return network, {
        **of_all[0],
        "best_epoch": [facts["best_epoch"] for facts in of_all],
        "validation_ndcg@10": found,
        "members_ndcg@10": [facts["validation_ndcg@10"] for facts in of_all],
        "curve": [{"member": i, **point} for i, facts in enumerate(of_all) for point in facts["curve"]],
        "seconds": round(sum(facts["seconds"] for facts in of_all), 1),
    }


def suited(split: Split) -> Settings:
    """The settings that won on validation: on Beauty for many people with short histories, on MovieLens-1M for half a
    million events and more, of which half as many epochs are nearly as good, else on MovieLens-100K.

    Histories that fit into the window always end at their person's last event, so that a history's end comes to stand
    for late events, and who is new is misread: on the courses, of 21 events each, histories cut short as well found
    what new people took with .366 NDCG@10 instead of .309 (on Beauty .070 instead of .071, with .0649 on warm people
    instead of .0671).
    """
    lengths = split.training_lengths()
    if len(lengths) >= MANY and lengths.mean() < SHORT:
        return SHORT_HISTORIES
    if lengths.sum() >= LARGE:
        return Settings(LEARNING_RATE, NEGATIVES, BATCH, FEWER_EPOCHS, network={"width": 128})
    return Settings(LEARNING_RATE, NEGATIVES, BATCH, EPOCHS, cut=CUT if lengths.mean() < FITTING else 0.0)


def _start(split: Split, content: ItemContent, config: NetworkConfig, seed: int) -> Shares:
    """Items that the same people have are alike from the first step on: what their contents explain of the factors
    goes into the projection and the words, the rest into the id part. With few events an item this is worth many
    epochs."""
    features = content.text.cpu()
    if content.words is not None:
        rows, weights = content.words
        carried = torch.zeros(len(rows), config.words + 1).scatter_(1, rows.cpu(), weights.cpu())
        features = torch.cat([features, carried[:, :-1]], dim=1)
    return shared_start(split, features, config.width, "svd", seed)


def _start_at_factors(network: SequenceNetwork, start: Shares) -> None:
    own, width = torch.from_numpy(start.weights), network.config.content_width
    with torch.no_grad():
        network.project_content.weight.copy_(own[:width].T)
        network.item_id.weight.copy_(torch.from_numpy(start.rest))
        if network.config.words:
            network.word.weight[:-1] = own[width:].to(network.word.weight.device)


def _scores(network: SequenceNetwork, content: ItemContent, histories: list[History]) -> torch.Tensor:
    items = network.item_vectors(content)
    rows, times = pad(histories, network.config.length, len(items))
    queries = network(items, rows.to(items.device), times.to(items.device), last_only=True)[:, 0]
    scores: torch.Tensor = queries @ unit(items, network.config.members).T
    return scores


def _batches(
    split: Split, trained: np.ndarray, longest: int, settings: Settings, rng: np.random.Generator
) -> Iterator[list[History]]:
    """Every training event once as a target: histories are cut into windows at a place that changes each epoch. Some
    are read again up to a place that changes, too."""
    windows = []
    for person, length in zip(split.training, trained, strict=True):
        stop = int(length)
        if settings.cut and stop > 2 and rng.random() < settings.cut:
            end = int(rng.integers(2, stop))
            windows.append((int(person), max(0, end - 1 - longest), end))
        size = int(rng.integers(1, longest + 1)) if stop > longest + 1 else longest
        while stop > 1:
            start = max(0, stop - 1 - size)
            windows.append((int(person), start, stop))
            stop, size = start + 1, longest
    # Histories of about one length may go together, so that little is padded; which ones, changes each epoch.
    order, batches = rng.permutation(len(windows)), []
    lengths = np.array([stop - start for _, start, stop in windows])
    together = settings.batch * settings.sorted_together
    for start in range(0, len(order), together):
        some = order[start : start + together]
        some = some[np.argsort(lengths[some], kind="stable")]
        batches += [some[i : i + settings.batch] for i in range(0, len(some), settings.batch)]
    for i in rng.permutation(len(batches)):
        yield [split.histories.slice(*windows[j]) for j in batches[i]]


def _loss(
    network: SequenceNetwork,
    content: ItemContent,
    known: Rows,
    histories: list[History],
    negatives: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """known: (k,) the rows of the items that may be wrong answers."""
    nothing, where = len(content.text), content.text.device
    rows, times = pad(histories, network.config.length + 1, nothing)
    rows, times = rows.to(where), times.to(where)
    if nothing <= FULL_SOFTMAX_ITEMS:
        items, right = network.item_vectors(content), torch.from_numpy(known).to(where)
        queries, targets = _queries_and_targets(network, items, rows, times)
        place = torch.searchsorted(right, targets)
        options = LinearCrossEntropyOptions() if len(queries) * len(right) > MANY_LOGITS else None
        return F.linear_cross_entropy(queries, F.normalize(items[right], dim=-1), place, options=options)
    # Only the items that this batch has or draws are computed.
    sampled = torch.from_numpy(known[rng.integers(len(known), size=negatives)]).to(rows.device)
    there = rows < nothing
    candidates, places = torch.unique(torch.cat([rows[there], sampled]), return_inverse=True)
    own = places[: len(places) - negatives]
    local = torch.full_like(rows, len(candidates))
    local[there] = own
    items = network.item_vectors(content, candidates)
    queries, targets = _queries_and_targets(network, items, local, times)
    counts = torch.bincount(own, minlength=len(candidates)) + negatives / len(known)
    return F.cross_entropy(queries @ F.normalize(items, dim=-1).T - counts.log(), targets)


def _queries_and_targets(
    network: SequenceNetwork, items: torch.Tensor, rows: torch.Tensor, times: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(m, width) and (m,): for every event but the first of each history what is compared, as loud as the learnt
    temperature has it, and the item that came."""
    inputs, targets = rows[:, :-1], rows[:, 1:]
    real = inputs < len(items)
    return network.log_scale.exp() * network(items, inputs, times[:, :-1])[real], targets[real]
