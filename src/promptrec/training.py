"""`train`: content vectors, the general model, the request encoder; then everything is frozen."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import torch

from promptrec.backbone.checkpoint import Checkpoint
from promptrec.backbone.interface import Backbone
from promptrec.backbone.kinds import DEFAULT_BACKBONE, train_backbone
from promptrec.backbone.like import LikeEncoder, fit_like_encoder
from promptrec.backbone.qualities import Qualities
from promptrec.backbone.request import RequestEncoder, choose_strength, fit_request_encoder
from promptrec.backbone.settings_search import search_file
from promptrec.backbone.wishes import attribute_words, nothing_asked, training_wishes, word_wishes
from promptrec.content.cache import encode_cached
from promptrec.content.items import TEXTS_APART, Others, encode_content, vectors_file
from promptrec.content.kinds import TEXT, chosen, load_file_encoder, load_text_encoder
from promptrec.data.dataset import Dataset
from promptrec.data.split import Examples, Split
from promptrec.errors import PromptrecError
from promptrec.index.choice import Manifest, index_of, measured
from promptrec.progress import say
from promptrec.rank.lexical import checked_share
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.workspace import Workspace, new_backbone

FEWEST_EVENTS = 3
REQUEST_EXAMPLES = 10_000


def train(
    workspace: Workspace,
    people_out: float = 0.2,
    seed: int = 0,
    lexical: float = 0.0,
    kind: str = DEFAULT_BACKBONE,
    items_out: float = 0.0,
    protocol: str = "leave-one-out",
    search: int = 0,
    encoders: Sequence[str] = (),
    members: int = 1,
) -> Recommender:
    """Train a backbone of a kind, `sequence` or `factorization`, and its request encoder, and make them current.

    people_out: the share of people kept out of training, on whom prompts are tuned and tested.
    items_out: the share of the items kept out of training, to test what the model makes of new ones.
    protocol: which events of the training people are kept out, their last two or all after a moment.
    lexical: the share of a request's words against its meaning when items are ranked, 0 (off) to 1.
    search: of how many settings the best on validation is kept; 0 takes the backbone's own.
    encoders: what makes vectors of items, as KIND or KIND:NAME, where it is not the default of its modality. Pictures
    and other files that items name are learnt from where the dataset has some.
    members: how many `sequence` networks are trained, whose mean is the model: more accurate, as many times the work.
    After each epoch the state is written to `backbone/checkpoint.safetensors`, of further networks to files beside it,
    from which the same training goes on where it was cut off; they vanish when training ends.
    Raises PromptrecError where there is no dataset, or nobody has three events.
    """
    started = time.monotonic()
    checked_share(lexical)
    if search < 0:
        raise PromptrecError(f"--search: expected a number of settings from 0 up, found {search}")
    if members < 1:
        raise PromptrecError(f"--members: expected a number of networks from 1 up, found {members}")
    if members > 1 and kind != DEFAULT_BACKBONE:
        raise PromptrecError(f"--members: only --backbone {DEFAULT_BACKBONE} has several, found {kind}; leave it out")
    dataset = Dataset.load(workspace.dataset)
    split = Split.of(dataset.histories, seed, people_out, items_out, protocol)
    if not len(split.asked("validation").apart()):
        raise PromptrecError(
            f"{workspace.dataset}: no training person has {FEWEST_EVENTS} or more events, so nothing can be learnt; "
            "import more events"
        )
    specs = chosen(encoders)
    encoder = load_text_encoder(specs)
    content = encode_content(workspace.dataset, dataset.catalogue, specs, encoder)
    vectors = content.text
    belongs = {"data_hash": dataset.hash, "split_hash": split.hash, "seed": seed, "backbone": kind}
    checkpoint = Checkpoint(workspace.backbones / "checkpoint.safetensors", belongs)
    prepared = time.monotonic() - started
    backbone, facts = train_backbone(
        kind, split, dataset.catalogue, vectors, seed, checkpoint, search, content.others, members
    )
    labels = dataset.manifest.get("labels", {})
    file = vectors_file(workspace.dataset, specs[TEXT], "requests")
    wishes = training_wishes(dataset.catalogue, labels, seed)
    sentences = encode_cached([wish.text for wish in wishes], encoder, file)
    nothing = encode_cached(nothing_asked(), encoder, file)
    requests = fit_request_encoder(backbone, encoder, wishes, sentences, nothing, training_examples(split), seed)
    unseen = word_wishes(attribute_words(dataset.catalogue, labels), "validation")
    if unseen:
        sentences = encode_cached([wish.text for wish in unseen], encoder, file)
        requests = choose_strength(requests, unseen, sentences, split.asked("validation").apart())
    qualities = Qualities.fit(backbone, split)
    requests = RequestEncoder(requests.network, encoder, backbone, qualities)
    likes, like_facts = _fit_likes(backbone, content.others, split, specs, seed)
    card: dict[str, Any] = {
        "backbone": backbone.name,
        "trained": datetime.now(UTC).isoformat(timespec="seconds"),
        "data_hash": dataset.hash,
        "split_hash": split.hash,
        "seed": seed,
        "people_out": people_out,
        "items_out": items_out,
        "protocol": protocol,
        "lexical": lexical,
        "text_encoder": encoder.name,
        "encoders": {TEXT: specs[TEXT], **{name: specs.get(name, specs[TEXT]) for name in content.others}},
        "like": like_facts,
        "preparation_seconds": round(prepared, 1),
        "request_strength": float(requests.network.strength),
        "qualities": dict(qualities.shown),
        "versions": {"promptrec": installed("promptrec"), "torch": torch.__version__},
        **facts,
    }
    with new_backbone(workspace) as (version, folder):
        backbone.save(folder, card)
        requests.save(folder)
        for like in likes:
            like.save(folder)
        index_recall(backbone, split).save(folder / "index.json")
        (folder / "README.md").write_text(model_card(version, dataset, card), encoding="utf-8")
    checkpoint.remove()
    search_file(checkpoint.file).unlink(missing_ok=True)
    return Recommender.load(workspace.root)


def _fit_likes(
    backbone: Backbone, others: Others, split: Split, specs: Mapping[str, str], seed: int
) -> tuple[list[LikeEncoder], dict[str, dict[str, float]]]:
    """The encoders of requests that are files, one a modality, and what the card says of them by modality."""
    people, made, facts = split.asked("validation").apart(), [], {}
    for modality in backbone.space.others:
        load = partial(load_file_encoder, specs[modality])
        fitted = fit_like_encoder(modality, others[modality], backbone, people, load, seed)
        if fitted is None:
            say(f"{modality}: too few items with a file and an attribute word to learn requests from")
        else:
            made.append(fitted[0])
            facts[modality] = {"strength": fitted[0].strength, **fitted[1]}
    return made, facts


def training_examples(split: Split) -> Examples:
    """Events that were trained on and have one before it: all, or 10,000 of them drawn by the split's seed."""
    everything = split.matching(split.training, np.ones(len(split.histories.rows), dtype=bool))
    if len(everything) <= REQUEST_EXAMPLES:
        return everything
    drawn = generator(split.seed, "request examples").choice(len(everything), REQUEST_EXAMPLES, replace=False)
    return everything.take(np.sort(drawn))


def index_recall(backbone: Backbone, split: Split) -> Manifest:
    """How much of the exact answer the catalogue's index gives to up to 64 of the validation questions."""
    asked = split.asked("validation").apart()
    asked = asked.take(np.arange(min(64, len(asked))))
    queries = backbone.encode(list(asked), [{}] * len(asked))
    return measured(index_of(backbone.encode_items().float().cpu().numpy()), queries.float().cpu().numpy())


def model_card(version: int, dataset: Dataset, card: dict[str, Any]) -> str:
    settings = dict(card["settings"])
    rows = {**settings.pop("network"), **settings}
    members = settings.get("members", 1)
    each = " of each network" if members > 1 else ""
    epochs = " and ".join(str(epoch) for epoch in np.atleast_1d(card["best_epoch"]))
    curves = "\n".join(plotted_curve(card["curve"], member) for member in range(members))
    others = {name: spec for name, spec in card["encoders"].items() if name not in (TEXT, *TEXTS_APART)}
    seen = "".join(f" and `{spec}` vectors of `{name}`" for name, spec in others.items())
    return f"""# {card["backbone"]} backbone, version {version}

Trained {card["trained"]} on `{dataset.manifest.get("name", "dataset")}` (data hash `{card["data_hash"][:16]}`,
split hash `{card["split_hash"][:16]}`), seed {card["seed"]}, {card["people_out"]:.0%} of the people and
{card["items_out"]:.0%} of the items kept out; {card["seconds"]:.0f} s of epochs on {card["device"]}, promptrec
{card["versions"]["promptrec"]}, torch {card["versions"]["torch"]}.

| {card["protocol"]}, full catalogue, seen items out | NDCG@10 |
|---|---|
| validation (chose epoch {epochs}) | {card["validation_ndcg@10"]:.4f} |
| test | {card["test_ndcg@10"]:.4f} |

Items are learnt from their ids and from `{card["text_encoder"]}` vectors of their texts{seen}. The parameters are
frozen: prompts steer the model, nothing changes it.

## Curve

{curves}

A character an epoch, from the lowest value to the highest; `config.json` has the numbers.

## Settings{each}

| setting | value |
|---|---|
{chr(10).join(f"| {name} | {value} |" for name, value in rows.items())}
"""


def plotted_curve(curve: Sequence[Mapping[str, Any]], member: int) -> str:
    """Two lines: validation and loss of one network; points of a model with several say whose they are."""
    own = [point for point in curve if point.get("member", 0) == member]
    losses = [point["loss"] for point in own if point["loss"] is not None]
    return (
        f"    validation NDCG@10  {plotted([point['validation_ndcg@10'] for point in own])}\n"
        f"    training loss       {plotted(losses)}"
    )


def plotted(values: list[float]) -> str:
    """A line of blocks, and the first and the last value."""
    if not values:
        return "no epochs"
    low, high = min(values), max(values)
    heights = [round(7 * (value - low) / (high - low)) if high > low else 0 for value in values]
    return f"{''.join('▁▂▃▄▅▆▇█'[height] for height in heights)}  {values[0]:.4f} to {values[-1]:.4f}"
