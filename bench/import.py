"""`make bench-import`: how long an import of 1, 3 and 10 million events takes and how much memory it needs at most.

The files are generated (seeded): ids of four types (numbers, hexadecimal, words with a number, Chinese), people and
items drawn with a long tail, every event with a kind, a time and a value; 1 million items with a title, a brand, a list
of categories, a year and a price. Each import is a process of its own: the verb itself, as a person would run it.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from promptrec.seeding import generator
from promptrec.workspace import write_json
from result import goal, results

WORK = Path("bench/work/import")
SIZES = (1_000_000, 3_000_000, 10_000_000)
ITEMS, PEOPLE, TIMES, SEED = 1_000_000, 400_000, 3, 0
RESULT = Path("bench/results/import.json")
COLUMNS = ("user_id", "item_id", "kind", "timestamp", "value")


def main(sizes: list[int]) -> None:
    """Measure each size `TIMES` times, in turn; what was measured before (in bench/work) is kept. Write the results."""
    runs: list[dict[str, Any]] = []
    for n in range(TIMES):
        for size in sizes:
            generate(size)
            file = WORK / f"run-{size}-{n}.json"
            if not file.exists():
                write_json(file, {"events": size, **measure(size), "load": os.getloadavg()[0]})
            runs.append(json.loads(file.read_text(encoding="utf-8")))
            write_results(runs)


def write_results(runs: list[dict[str, Any]]) -> None:
    """Of each size the best time and the largest memory."""
    best: dict[int, float] = {}
    peak: dict[int, float] = {}
    for run in runs:
        size = run["events"]
        best[size] = min(run["seconds"], best.get(size, run["seconds"]))
        peak[size] = max(run["gib"], peak.get(size, 0.0))
    loads = [run["load"] for run in runs]
    note = (
        f"best time and largest memory of up to {TIMES} runs, each a process of its own; "
        f"the machine's load was {min(loads):.1f} to {max(loads):.1f}"
    )
    large, small = SIZES[-1], SIZES[0]
    growth = best[large] / best[small] if large in best and small in best else None
    goals = [
        goal(
            "import-10m-seconds",
            "10 million events and 1 million items, seconds",
            60.0,
            best.get(large),
            note,
            at_most=True,
        ),
        goal("import-10m-gib", "the same, peak memory of the process in GiB", 4.0, peak.get(large), note, at_most=True),
        goal("import-growth", "time of 10 million events over that of 1 million", 11.0, growth, note, at_most=True),
    ]
    write_json(RESULT, results("make bench-import", [SEED], runs, goals))


def measure(size: int) -> dict[str, Any]:
    """Import the files of `size` in a child process; wall seconds and the child's peak resident memory."""
    workspace = WORK / f"workspace-{size}"
    shutil.rmtree(workspace, ignore_errors=True)
    program = str(Path(sys.executable).with_name("promptrec"))
    files = ("--events", str(WORK / f"events-{size}.csv"), "--items", str(WORK / "items.csv"))
    start = time.perf_counter()
    child = os.posix_spawn(
        program,
        [program, "data", "import", *files, "--yes", "--json", "-w", str(workspace)],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, str(WORK / f"report-{size}.json"), os.O_WRONLY | os.O_CREAT, 0o644)],
    )
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"the import of {size:,} events failed")
    kept = pl.scan_parquet(workspace / "dataset" / "events.parquet").select(pl.len()).collect().item()
    shutil.rmtree(workspace)
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{size:>12,} events: {seconds:6.1f} s ({cpu:.1f} s of CPU), {gib(usage):.2f} GiB, {kept:,} kept", flush=True)
    return {"seconds": seconds, "cpu_seconds": cpu, "gib": gib(usage), "kept": kept}


def gib(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / 2**20


def generate(size: int) -> None:
    """Write the files of `size` events where they are not there yet."""
    WORK.mkdir(parents=True, exist_ok=True)
    rng = generator(SEED, f"import {size}")
    items = ids(ITEMS, generator(SEED, "item ids"))
    if not (WORK / "items.csv").exists():
        write_items(items, generator(SEED, "items"))
    file = WORK / f"events-{size}.csv"
    if file.exists():
        return
    people = ids(PEOPLE, generator(SEED, "user ids"))
    kinds = pl.Series(["view", "cart", "purchase", "rating"])
    with file.with_suffix(".new").open("wb") as out:
        for start in range(0, size, 500_000):
            n = min(500_000, size - start)
            pl.DataFrame(
                {
                    "user_id": people.gather((PEOPLE * rng.random(n) ** 2).astype(np.int64)),
                    "item_id": items.gather((ITEMS * rng.random(n) ** 3).astype(np.int64)),
                    "kind": kinds.gather(rng.choice(4, n, p=[0.8, 0.1, 0.05, 0.05])),
                    "timestamp": 1_600_000_000 + rng.integers(0, 90_000_000, n),
                    "value": rng.integers(1, 11, n) / 2,
                }
            ).write_csv(out, include_header=start == 0)
    file.with_suffix(".new").replace(file)


def write_items(ids_: pl.Series, rng: np.random.Generator) -> None:
    words = pl.Series([f"{a}{b}" for a in ("lor", "pel", "dro", "sim") for b in ("em", "ux", "ata", "ino", "ere")])
    n = len(ids_)
    picked = [words.gather(rng.integers(0, len(words), n)) for _ in range(6)]
    frame = pl.DataFrame({"item_id": ids_, **{f"w{i}": word for i, word in enumerate(picked)}})
    frame.select(
        "item_id",
        title=pl.concat_str([f"w{i}" for i in range(5)], separator=" "),
        brand=pl.concat_str(["w0", "w5"], separator="-"),
        categories=pl.concat_str(["w1", "w2", "w3"], separator="|"),
        year=pl.Series(rng.integers(1950, 2025, n)),
        price=pl.Series(rng.integers(100, 100_000, n) / 100),
    ).write_csv(WORK / "items.csv")


def ids(n: int, rng: np.random.Generator) -> pl.Series:
    """(n,) distinct ids, a quarter of each type."""
    order = pl.Series(rng.permutation(n))
    numbers = order.cast(pl.String)
    hexadecimal = pl.Series([f"{a:016x}{b:016x}" for a, b in rng.integers(0, 2**62, (n, 2)).tolist()])
    types = [numbers, hexadecimal, "sku-" + numbers, "商品" + numbers]
    return pl.select(pl.when(order % 4 == 0).then(types[0]).when(order % 4 == 1).then(types[1])
                     .when(order % 4 == 2).then(types[2]).otherwise(types[3])).to_series()  # fmt: skip


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
