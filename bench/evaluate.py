"""`make bench-evaluate`: how long evaluation takes and how much memory it holds, into bench/results/evaluate.json.

Each part runs in a process of its own, so that its peak memory is its own:
beauty      all of Beauty's 22,363 people (PROMPTREC_DATA/beauty), full catalogue, seen items out, all metrics
million     1,000,000 people with 20 events each on 100,000 items (generated); the histories are all held, and
            `people` of them, drawn at random, are ranked and measured, the time of all is extrapolated
million-all the same with every person ranked; takes about an hour and is run where asked for

The model is a `sequence` network of the default sizes with random weights: evaluation asks the same work of it as of a
trained one.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.network import NetworkConfig, SequenceNetwork
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.baselines.popularity import Popularity
from promptrec.data.catalogue import Catalogue
from promptrec.data.history import Histories
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.evaluate.report import Model, evaluate_models
from promptrec.evaluate.yardstick import Yardstick, order_by_id
from promptrec.workspace import write_json
from result import goal, results

RESULTS, WORK = Path("bench/results/evaluate.json"), Path("bench/work/evaluate")
PEOPLE, ITEMS, EVENTS, SAMPLE, WIDTH = 1_000_000, 100_000, 20, 20_000, 512
SEED = 0


def beauty() -> dict[str, Any]:
    folder = Path(os.environ["PROMPTREC_DATA"]) / "beauty"
    strings = {"user_id": pl.String, "item_id": pl.String}
    events = pl.read_csv(folder / "events.csv.gz", schema_overrides=strings)
    items = pl.read_csv(folder / "items.csv.gz", schema_overrides=strings).select(id="item_id", title="title")
    catalogue = Catalogue(items)
    unknown = pl.lit(None, dtype=pl.Float64)
    histories = Histories.from_events(
        events.select(user="user_id", item="item_id", time=unknown, value=unknown), catalogue
    )
    return measured(histories, catalogue, len(histories))


def million(sample: int = SAMPLE) -> dict[str, Any]:
    """People whose items follow a power law."""
    rng = np.random.default_rng(SEED)
    rows = (ITEMS * rng.random(PEOPLE * EVENTS, dtype=np.float32) ** 3).astype(np.int64)
    times = np.tile(np.arange(EVENTS, dtype=np.float64), PEOPLE)
    offsets = np.arange(0, PEOPLE * EVENTS + 1, EVENTS, dtype=np.int64)
    users = tuple(f"u{person}" for person in range(PEOPLE))
    histories = Histories(users, offsets, rows, times, np.full(len(rows), np.nan))
    return measured(histories, Catalogue(pl.DataFrame({"id": [f"i{n}" for n in range(ITEMS)]})), sample)


def measured(histories: Histories, catalogue: Catalogue, people: int) -> dict[str, Any]:
    vectors = np.random.default_rng(SEED).normal(size=(len(catalogue), WIDTH)).astype(np.float32)
    torch.manual_seed(SEED)
    network = SequenceNetwork(NetworkConfig(items=len(catalogue), content_width=WIDTH))
    backbone = SequenceBackbone(network, ContentSpace.fit(catalogue, vectors), catalogue.ids, catalogue, vectors)
    split = Split.of(histories, SEED, people_out=0.0)
    training = training_matrix(split, len(catalogue))
    yardstick = Yardstick(
        Popularity.fit(training).counts, training.shape[0], vectors, SEED, tie_order=order_by_id(catalogue.ids)
    )
    asked = split.asked("test")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(asked))[:people])
    started, cpu = time.monotonic(), time.process_time()
    evaluate_models([Model(backbone, "backbone", backbone.name)], {"test": asked.take(chosen)}, yardstick)
    seconds = time.monotonic() - started
    return {
        "people": len(asked),
        "items": len(catalogue),
        "events": len(histories.rows),
        "ranked": len(chosen),
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "seconds_for_all": round(seconds * len(asked) / len(chosen), 1),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


PARTS = {"beauty": beauty, "million": million, "million-all": lambda: million(PEOPLE)}


def main(parts: list[str]) -> None:
    for part in parts:
        if not (WORK / f"{part}.json").exists():
            subprocess.run([sys.executable, __file__, "part", part], check=True)
    done = {part: json.loads((WORK / f"{part}.json").read_text()) for part in PARTS if (WORK / f"{part}.json").exists()}
    million_row = done.get("million-all") or done.get("million")
    spent = f"; {done['beauty']['cpu_seconds']} s of processor time" if "beauty" in done else ""
    time_note = f"all metrics of one model with random weights{spent}"
    seconds = done["beauty"]["seconds"] if "beauty" in done else None
    peak = million_row and million_row["peak_gib"]
    million_note = f"all histories held, {million_row['ranked']:,} people ranked" if million_row else ""
    write_json(
        RESULTS,
        results(
            f"make bench-evaluate EVALUATE='{' '.join(done)}'",
            [SEED],
            [{"part": part, **row} for part, row in done.items()],
            [
                goal("evaluate-beauty", "seconds for Beauty's people", 10, seconds, time_note, at_most=True),
                goal(
                    "evaluate-1m",
                    "GiB at the peak, 1 million people on 100,000 items",
                    4,
                    peak,
                    million_note,
                    at_most=True,
                ),
            ],
        ),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["part"]:
        WORK.mkdir(parents=True, exist_ok=True)
        write_json(WORK / f"{sys.argv[2]}.json", PARTS[sys.argv[2]]())
    else:
        main(sys.argv[1:] or ["beauty", "million"])
