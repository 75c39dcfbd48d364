"""The parts of `make bench-models`, each a function that measures and returns its rows; bench/models.py runs them.

Per person values of the test are kept as `PART--MODEL.npz` in bench/results/models, so that intervals are of people.
"""

from __future__ import annotations

import csv
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from promptrec.backbone import training
from promptrec.backbone.interface import Scorer
from promptrec.backbone.network import NetworkConfig
from promptrec.baselines.content_slot import ContentSlot
from promptrec.baselines.fit_all import STANDARD, fit_baselines
from promptrec.content.cache import encode_cached
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.data.catalogue import Catalogue
from promptrec.data.dataset import Dataset
from promptrec.data.examples import Examples
from promptrec.data.history import Histories
from promptrec.data.interactions import training_matrix
from promptrec.data.split import Split
from promptrec.evaluate import metrics
from promptrec.evaluate.protocol import rank
from promptrec.evaluate.significance import bootstrap_intervals
from promptrec.evaluate.yardstick import order_by_id
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.workspace import Workspace
from workspaces import program, with_data

Row = dict[str, Any]
Values = dict[str, np.ndarray]
OURS = {
    "rectools": {
        "width": "n_factors",
        "layers": "n_blocks",
        "heads": "n_heads",
        "length": "session_max_len",
        "dropout": "dropout_rate",
        "batch": "batch_size",
        "learning_rate": "lr",
    },
    "recbole": {
        "width": "hidden_size",
        "layers": "n_layers",
        "heads": "n_heads",
        "length": "MAX_ITEM_LIST_LENGTH",
        "dropout": "hidden_dropout_prob",
        "batch": "train_batch_size",
        "learning_rate": "learning_rate",
    },
}
SEEDED = ("ials", "bpr", "neumf")
GROWTH_ITEMS, GROWTH_EVENTS_EACH, CONTENT_WIDTH = 200_000, 50, 512


class Bench:
    """Where the parts work, and how long they may: a trial has tiny caps and proves only that everything runs."""

    def __init__(self, trial: bool) -> None:
        self.trial = trial
        self.work = Path("bench/work") / ("models-trial" if trial else "models")
        self.values = self.work if trial else Path("bench/results/models")
        for folder in (self.work, self.values):
            folder.mkdir(parents=True, exist_ok=True)
        self.cap = 30.0 if trial else 3600.0
        self.people = 300 if trial else None  # of the split files

    def dataset(self, data: str) -> Workspace:
        """The workspace with a dataset of that name, imported where it is not there yet."""
        files = Path(os.environ["PROMPTREC_DATA"]) / "beauty"
        sources = {
            "beauty": ("import", "--events", f"{files}/events.csv.gz", "--items", f"{files}/items.csv.gz", "--yes"),
            "ml1m": ("fetch", "movielens-1m"),
            "ml100k": ("fetch", "movielens-100k"),
        }
        return with_data(Workspace(self.work / "data" / data), *sources[data])

    def split_files(self, data: str) -> Path:
        """train.csv, validation.csv and test.csv of leave-one-out with everybody trained on, for the peers."""
        folder = self.work / "split" / data
        if (folder / "test.csv").exists():
            return folder
        dataset = Dataset.load(self.dataset(data).dataset)
        histories, ids = dataset.histories, np.array(dataset.catalogue.ids)
        split = Split.of(histories, 0, people_out=0.0)
        lengths, trained = histories.lengths(), split.training_lengths()
        folder.mkdir(parents=True, exist_ok=True)
        frames: dict[str, list[tuple[str, str, int]]] = {"train": [], "validation": [], "test": []}
        for person, stop in zip(split.training[: self.people], trained[: self.people], strict=True):
            user, items = histories.users[person], ids[histories.of(person).rows]
            for position, item in enumerate(items):
                left = int(lengths[person]) - position
                part = "train" if position < stop else "validation" if left == 2 else "test"
                frames[part].append((user, str(item), position))
        for part, rows in frames.items():
            with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows([("user", "item", "position"), *rows])
        return folder


def measured(command: list[str], log: Path) -> Row:
    """Run a command; its wall and processor seconds and its peak memory."""
    started = time.monotonic()
    with log.open("w") as out:
        child = subprocess.Popen(command, stdout=out, stderr=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... failed, see {log}")
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gib": round(usage.ru_maxrss / 2**20, 2),
    }


def of_ranks(ranks: np.ndarray) -> Values:
    return {"ndcg@10": metrics.ndcg(ranks, 10), "hr@10": metrics.hit_rate(ranks, 10)}


def summed_up(values: Values, people: np.ndarray | None = None) -> Row:
    """Each metric with its interval over people."""
    return {
        name + end: round(found[key], 5)
        for name, found in bootstrap_intervals(values, 0, people=people).items()
        for end, key in (("", "value"), (" low", "low"), (" high", "high"))
    }


def ranked(scorer: Scorer, examples: Examples, catalogue: Catalogue) -> np.ndarray:
    return rank(scorer, examples, tie_order=order_by_id(catalogue.ids)).ranks


def ours(bench: Bench, part: str, data: str, seed: int, *options: str) -> list[Row]:
    """`promptrec train --people-out 0` with default settings, as a person would run it, texts encoded anew."""
    place = Workspace(bench.work / part)
    if not (place.dataset / "manifest.json").exists():
        shutil.copytree(bench.dataset(data).dataset, place.dataset)
    for cache in ("vectors.safetensors", "requests.safetensors"):
        (place.dataset / cache).unlink(missing_ok=True)
    command = [program(), "train", "--people-out", "0", "--seed", str(seed), "-w", str(place.root), *options]
    if bench.trial:
        short = (
            "import dataclasses, promptrec.backbone.training as t; own = t.suited; "
            "t.suited = lambda split: dataclasses.replace(own(split), epochs=1); "
            "from promptrec.cli import main; main()"
        )
        command = [sys.executable, "-c", short, *command[1:]]
    row = {"model": "promptrec sequence", "data": data, "seed": seed, "setting": " ".join(options) or "default"}
    row |= measured(command, bench.work / f"{part}.log")
    recommender = Recommender.load(place.root)
    card = json.loads((place.root / "backbone" / "current").read_text())["version"]
    facts = json.loads((place.root / "backbone" / str(card) / "config.json").read_text())["card"]
    row |= {name: facts[name] for name in ("preparation_seconds", "validation_ndcg@10", "best_epoch", "curve")}
    log = (bench.work / f"{part}.log").read_text()
    resumed = re.findall(r"checkpoint-?(\d*)\.safetensors: training goes on after epoch (\d+)", log)
    if resumed:  # the run before was cut off; its epochs count
        last = {(int(member or 0), int(epoch)) for member, epoch in resumed}
        before = sum(p["seconds"] for p in facts["curve"] if (p.get("member", 0), p["epoch"]) in last)
        row |= {"seconds": row["seconds"] + before, "resumed_after": before}
    split = Split.of(recommender.dataset.histories, seed, people_out=0.0)
    if "--items-out" in options:
        return [row]
    asked = split.asked("test")
    started = time.monotonic()
    values = of_ranks(ranked(recommender.backbone, asked, recommender.catalogue))
    row["predict_all_seconds"] = round(time.monotonic() - started, 2)
    np.savez_compressed(bench.values / f"{part}--ours.npz", **values)
    long_enough = np.flatnonzero(split.histories.lengths() >= 20)[0]
    one = [recommender.catalogue.ids[row] for row in split.histories.of(int(long_enough)).rows[:20]]
    times = []
    for _ in range(20 if bench.trial else 200):
        started = time.monotonic()
        recommender.recommend(one, k=10, explain=False)
        times.append(time.monotonic() - started)
    return [{**row, **summed_up(values), "predict_one_seconds": float(np.median(times))}]


def baselines(bench: Bench, part: str, data: str, seeds: list[int]) -> list[Row]:
    """The baselines on the same split; those that draw numbers once for each seed."""
    dataset = Dataset.load(bench.dataset(data).dataset)
    vectors = encode_cached(
        dataset.catalogue.texts, OfflineTextEncoder(), bench.dataset(data).dataset / "vectors.safetensors"
    )
    split, rows = Split.of(dataset.histories, 0, people_out=0.0), []
    asked = split.asked("test")
    names = [*STANDARD, "recent-popularity", "bpr", "neumf"]
    for name in names[:2] if bench.trial else names:
        kept: list[Values] = []
        for seed in seeds if name in SEEDED else [0]:
            started, processor = time.monotonic(), time.process_time()
            fitted = fit_baselines(split, dataset.catalogue, vectors, seed, [name])
            if not fitted:
                continue
            spent = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - processor}
            started = time.monotonic()
            values = of_ranks(ranked(fitted[0], asked, dataset.catalogue))
            spent["predict_all_seconds"] = time.monotonic() - started
            kept.append(values)
            rows.append({"model": name, "data": data, "seed": seed, "setting": "default", **spent, **summed_up(values)})
        if kept:
            mean = {metric: np.mean([values[metric] for values in kept], axis=0) for metric in kept[0]}
            np.savez_compressed(bench.values / f"{part}--{name}.npz", **mean)
    return rows


def peer(bench: Bench, part: str, data: str, library: str, setting: str, options: dict[str, Any]) -> list[Row]:
    """A peer's own process in its own environment, on the split files; its lists are judged here."""
    python = Path("bench/.venvs") / library / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{python} is missing: make bench-peers")
    folder, out = bench.split_files(data), bench.work / part
    options = {"cap": bench.cap, "patience": 10, **options}
    if setting == "ours":
        own = our_settings(bench, data)
        options["arguments"] = {theirs: own[name] for name, theirs in OURS[library].items()} | options["arguments"]
    script = Path(__file__).with_name("peers") / f"{library}_peer.py"
    spent = measured([str(python), str(script), str(folder), str(out), json.dumps(options)], out.with_suffix(".log"))
    found = json.loads(out.with_suffix(".json").read_text())
    strings = {"user": pl.String, "item": pl.String}
    test = pl.read_csv(folder / "test.csv", schema_overrides=strings)
    lists = pl.read_csv(out.with_suffix(".csv"), new_columns=["user", "item", "rank"], schema_overrides=strings)
    places = test.join(lists, on=["user", "item"], how="left", maintain_order="left")["rank"].fill_null(1_000)
    values = of_ranks(places.to_numpy().astype(np.int64) - 1)
    np.savez_compressed(bench.values / f"{part}--peer.npz", **values)
    name = f"{library} {options.get('model', 'sasrec')}"
    return [{"model": name, "data": data, "seed": 0, "setting": setting, "whole": spent, **found, **summed_up(values)}]


def cold(bench: Bench, part: str, full: Path, *options: str) -> list[Row]:
    """5% of Beauty's items held out; warm ones are compared with the model of `full`, trained on all items, for the
    people who have none of the items that were held out."""
    rows = ours(bench, part, "beauty", 0, *options, "--items-out", "0.05")
    recommender = Recommender.load(bench.work / part)
    split, catalogue = recommender.split, recommender.catalogue
    everything = Recommender.load(full).backbone
    slot = ContentSlot.fit(recommender.backbone, training_matrix(split, len(catalogue)), recommender.vectors)
    asked, warm = split.cold_items(), split.asked("test")
    untouched = split.everything.lengths()[warm.people] == split.histories.lengths()[warm.people]
    warm = warm.take(np.flatnonzero(untouched))
    reference = float(of_ranks(ranked(everything, warm, catalogue))["ndcg@10"].mean())
    for name, scorer in (("promptrec sequence", recommender.backbone), ("the same with a content slot", slot)):
        values = {"recall@10": of_ranks(ranked(scorer, asked, catalogue))["hr@10"]}
        on_warm = float(of_ranks(ranked(scorer, warm, catalogue))["ndcg@10"].mean())
        row = {**rows[0], "model": name, **summed_up(values, asked.people)}
        rows.append({**row, "warm ndcg@10": on_warm, "warm ndcg@10 of all items": reference, "cold": len(asked)})
    return rows[1:]


def growth(bench: Bench, part: str, events: int) -> list[Row]:
    """One epoch of `events` generated events on 200,000 items, 50 of a person, in this process."""
    del bench, part
    rng = generator(0, f"growth {events}")
    people = events // GROWTH_EVENTS_EACH
    rows = (GROWTH_ITEMS * rng.random(events) ** 3).astype(np.int64)
    offsets = np.arange(0, events + 1, GROWTH_EVENTS_EACH, dtype=np.int64)
    times = np.tile(np.arange(GROWTH_EVENTS_EACH, dtype=np.float64) * 3600, people)
    users = tuple(f"u{person}" for person in range(people))
    histories = Histories(users, offsets, rows, times, np.full(events, np.nan))
    catalogue = Catalogue(pl.DataFrame({"id": [f"i{n}" for n in range(GROWTH_ITEMS)]}))
    vectors = rng.standard_normal((GROWTH_ITEMS, CONTENT_WIDTH), dtype=np.float32)
    started, processor = time.monotonic(), time.process_time()
    split = Split.of(histories, 0, people_out=0.0)
    once = replace(training.suited(split), epochs=1)
    _, facts = training.train_sequence(split, catalogue, vectors, 0, once)
    return [
        {
            "model": "promptrec sequence",
            "data": f"{events:,} generated events",
            "seed": 0,
            "setting": "default, one epoch",
            "seconds": round(time.monotonic() - started, 1),
            "epoch_seconds": facts["seconds"],
            "cpu_seconds": round(time.process_time() - processor, 1),
            "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        }
    ]


def our_settings(bench: Bench, data: str) -> dict[str, Any]:
    """What a peer is given as ours, of the settings that it has too."""
    own = training.suited(Split.of(Dataset.load(bench.dataset(data).dataset).histories, 0, people_out=0.0))
    sizes = {name: field.default for name, field in NetworkConfig.__dataclass_fields__.items()} | own.network
    return {
        "batch": own.batch,
        "learning_rate": own.learning_rate,
        **{name: sizes[name] for name in ("width", "layers", "heads", "length", "dropout")},
    }
