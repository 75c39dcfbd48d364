"""`make bench-ablation`: what each choice of the `sequence` backbone is worth, into bench/results/ablation.json.

    python bench/ablation.py [ml100k] [beauty]

MovieLens-100K has the default settings but one, 80% of the people, seeds 0 and 1. Beauty (PROMPTREC_DATA/beauty) has
those of short histories but one, everybody, 15 epochs, seed 0. Only validation is looked at. What was run before (in
bench/work) is kept. The tables go into docs/benchmarks.md.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from marked import write_between
from model_runs import Bench
from promptrec.backbone import network, training
from promptrec.backbone.network import NetworkConfig, SequenceNetwork
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.data.dataset import Dataset
from promptrec.data.split import Split
from promptrec.workspace import write_json
from result import results, rows_by

WORK, RESULT = Path("bench/work/ablation"), Path("bench/results/ablation.json")
PAGE = Path("docs/benchmarks.md")
SEEDS = {"ml100k": (0, 1), "beauty": (0,)}
PEOPLE_OUT = {"ml100k": 0.2, "beauty": 0.0}


@dataclass(frozen=True)
class Choice:
    """What differs from the default: settings, sizes of the network, content, or a part of the code."""

    settings: dict[str, Any] = field(default_factory=dict)
    network: dict[str, float] = field(default_factory=dict)
    content: bool = True
    change: Callable[[], Any] = nullcontext


class WithoutIds(SequenceNetwork):
    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        self.item_id.weight.requires_grad_(False).zero_()


@contextmanager
def optimizer(kind: Callable[..., Any], rate: float, **more: float) -> Iterator[None]:
    def make(parameters: Any, **_: float) -> Any:
        return kind([one for one in parameters if one.requires_grad], lr=rate, **more)

    with patch.object(torch.optim, "AdamW", make):
        yield


ML100K = {
    "as it is": Choice(),
    "SGD, momentum .9, learning rate .1": Choice(change=lambda: optimizer(torch.optim.SGD, 0.1, momentum=0.9)),
    "SGD, momentum .9, learning rate 1": Choice(change=lambda: optimizer(torch.optim.SGD, 1.0, momentum=0.9)),
    "Adam, without weight decay": Choice(change=lambda: optimizer(torch.optim.Adam, 2e-3)),
    "1,024 negatives instead of all items": Choice(change=lambda: patch.object(training, "FULL_SOFTMAX_ITEMS", 0)),
    "without the texts": Choice(content=False),
    "without ids": Choice(change=lambda: patch.object(training, "SequenceNetwork", WithoutIds)),
    "without time gaps": Choice(change=lambda: patch.object(network, "gap_buckets", torch.zeros_like)),
    "start at factors": Choice({"factors": True}),
    "batch 128": Choice({"batch": 128}),
    "learning rate 5e-4": Choice({"learning_rate": 5e-4}),
    "learning rate 5e-3": Choice({"learning_rate": 5e-3}),
    "width 32": Choice(network={"width": 32}),
    "width 128": Choice(network={"width": 128}),
    "one layer": Choice(network={"layers": 1}),
    "three layers": Choice(network={"layers": 3}),
    "length 50": Choice(network={"length": 50}),
    "dropout .4": Choice(network={"dropout": 0.4}),
    "no id dropout": Choice(network={"id_dropout": 0.0}),
    "no content dropout": Choice(network={"content_dropout": 0.0}),
}
BEAUTY = {
    "as it is": Choice(),
    "start at random": Choice({"factors": False}),
    "without vectors of attribute words": Choice({"words": False}),
    "learning rate 3e-3": Choice({"learning_rate": 3e-3}),
    "256 negatives": Choice({"negatives": 256}),
    "without the texts": Choice(content=False),
    "content dropout .3": Choice(network={"content_dropout": 0.3}),
    "dropout .5": Choice(network={"dropout": 0.5}),
    "dropout .3": Choice(network={"dropout": 0.3}),
    "width 128": Choice(network={"width": 128}),
}
CHOICES = {"ml100k": ML100K, "beauty": BEAUTY}


def main(names: list[str]) -> None:
    for data in names:
        dataset = Dataset.load(Bench(trial=False).dataset(data).dataset)
        vectors = OfflineTextEncoder().encode(dataset.catalogue.texts)
        for seed in SEEDS[data]:
            for number, (name, choice) in enumerate(CHOICES[data].items()):
                file = WORK / f"{data}-{number}-{seed}.json"
                if file.exists():
                    continue
                file.parent.mkdir(parents=True, exist_ok=True)
                found = run(data, dataset, vectors, choice, seed)
                write_json(file, {"data": data, "choice": name, "seed": seed, **found})
                print(file.read_text(encoding="utf-8"), flush=True)
                write_results()


def run(data: str, dataset: Dataset, vectors: np.ndarray, choice: Choice, seed: int) -> dict[str, Any]:
    split = Split.of(dataset.histories, seed, people_out=PEOPLE_OUT[data])
    settings = training.suited(split)
    settings = replace(settings, **choice.settings, network={**settings.network, **choice.network})
    if data == "beauty":
        settings = replace(settings, epochs=15)
    started = time.process_time()
    with choice.change():
        content = vectors if choice.content else np.zeros_like(vectors)
        facts = training.train_sequence(split, dataset.catalogue, content, seed, settings)[1]
    found = {name: facts[name] for name in ("validation_ndcg@10", "best_epoch")}
    return {**found, "cpu_seconds": round(time.process_time() - started, 1)}


def write_results() -> None:
    rows = [row for data in CHOICES for row in rows_by("data", RESULT).get(data, [])]
    rows += [json.loads(file.read_text(encoding="utf-8")) for file in sorted(WORK.glob("*.json"))]
    latest = list({(row["data"], row["choice"], row["seed"]): row for row in rows}.values())
    write_between(PAGE, "ablation", "\n\n".join(table(data, latest) for data in CHOICES))
    write_json(RESULT, results("make bench-ablation", sorted({row["seed"] for row in latest}), latest, []))


def table(data: str, rows: list[dict[str, Any]]) -> str:
    """The choices of one dataset as Markdown, the best first; of each the means over its seeds."""
    own = [row for row in rows if row["data"] == data]
    usual = {row["seed"]: row["validation_ndcg@10"] for row in own if row["choice"] == "as it is"}
    lines = []
    for choice in dict.fromkeys(row["choice"] for row in own):
        found = [row for row in own if row["choice"] == choice]
        value = float(np.mean([row["validation_ndcg@10"] for row in found]))
        more = value - float(np.mean([usual[row["seed"]] for row in found]))
        seconds = float(np.mean([row["cpu_seconds"] for row in found]))
        seeds, epochs = (", ".join(str(row[name]) for row in found) for name in ("seed", "best_epoch"))
        lines.append((more, f"| {choice} | {value:.4f} | {more:+.4f} | {seeds} | {epochs} | {seconds:,.0f} |"))
    head = "| what differs | validation NDCG@10 | more than as it is, same seeds | seeds | best epochs | CPU s |"
    return "\n".join([f"**{data}**", "", head, "|---|---|---|---|---|---|", *(line for _, line in sorted(lines)[::-1])])


if __name__ == "__main__":
    main(sys.argv[1:] or list(CHOICES))
