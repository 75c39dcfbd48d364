"""`make bench-models`: the general model beside its peers on the same splits, into bench/results/models.json.

    python bench/models.py                    every part that is not done yet
    python bench/models.py PART ...           these parts; `--parts` lists them
    python bench/models.py --table            the tables of docs/benchmarks.md anew, from the results
    python bench/models.py --trial [PART ...] tiny caps, in a folder of its own: proves that everything runs

A part is a file in bench/work/models; what is there is not run again. Training that was cut off goes on from its
checkpoint. No part trains for more than an hour. Of a part that was not run here the results keep what they say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from marked import write_between
from model_runs import Bench, Row, baselines, cold, growth, ours, peer, summed_up
from promptrec.workspace import write_json
from result import goal, goals_by_id, results, rows_by

RESULT = Path("bench/results/models.json")
PAGE = Path("docs/benchmarks.md")
EVALUATED = Path("bench/results/evaluate.json")
SEEDS = {"beauty": [0, 1, 2], "ml1m": [0, 1, 2], "ml100k": [0, 1, 2, 3, 4]}
MEMBERS = "4"  # of the ensembles on Beauty
BEST = {"beauty": "members-beauty", "ml1m": "ours-ml1m"}  # the parts that the goals of quality are of
GROWTH = (1_000_000, 3_000_000, 10_000_000)


def parts(bench: Bench) -> dict[str, Callable[[str], list[Row]]]:
    """Every part by its name, in the order in which they run."""
    found: dict[str, Callable[[str], list[Row]]] = {}

    def add(name: str, function: Callable[..., list[Row]], *more: Any) -> None:
        found[name] = lambda part: function(bench, part, *more)

    for data, seeds in SEEDS.items():
        for seed in seeds:
            add(f"ours-{data}-{seed}", ours, data, seed)
            if data == "beauty":
                add(f"members-{data}-{seed}", ours, data, seed, "--members", MEMBERS)
        add(f"baselines-{data}", baselines, data, seeds)
        for setting in ("recommended", "ours"):
            # Its sampled softmax draws negatives for every position apart, which costs more than all items.
            options: dict[str, Any] = {"model": "sasrec", "arguments": {"loss": "softmax"}}
            add(f"rectools-{data}-{setting}", peer, data, "rectools", setting, options)
        for strength in (20, 200, 500):
            options = {"model": "ease", "arguments": {"regularization": strength}}
            add(f"rectools-{data}-ease-{strength}", peer, data, "rectools", f"regularization {strength}", options)
        for factors, regularization, alpha in ((128, 0.01, 1), (64, 10, 10), (32, 1, 2)):
            arguments = {"factors": factors, "regularization": regularization, "alpha": alpha}
            options = {"model": "ials", "arguments": arguments}
            text = ", ".join(f"{name} {value}" for name, value in arguments.items())
            add(f"rectools-{data}-ials-{factors}", peer, data, "rectools", text, options)
    for setting in ("recommended", "ours"):
        add(f"recbole-beauty-{setting}", peer, "beauty", "recbole", setting, {"arguments": {}})
    add("cold-beauty", cold, bench.work / "members-beauty-0", "--members", MEMBERS)
    for events in (100_000,) if bench.trial else GROWTH:
        add(f"growth-{events}", growth, events)
    return found


def main(arguments: list[str]) -> None:
    bench = Bench(trial="--trial" in arguments)
    known = parts(bench)
    named = [argument for argument in arguments if not argument.startswith("--")]
    unknown = [name for name in named if name not in known]
    if unknown:
        raise SystemExit(f"there is no part {unknown[0]!r}; the parts are {', '.join(known)}")
    if "--parts" in arguments:
        print("\n".join(f"{name}{'  done' if done(bench, name) else ''}" for name in known))
        return
    if "--table" in arguments:
        write_between(PAGE, "results", table(document(bench, list(known))))
        return
    if "--measure" in arguments:
        write_json(
            bench.work / f"{named[0]}.part.json", {"load": os.getloadavg()[0], "rows": known[named[0]](named[0])}
        )
        return
    failed = []
    for name in named or known:
        if not done(bench, name):
            print(f"{datetime.now(UTC):%H:%M:%S} {name}", flush=True)
            options = ["--trial"] if bench.trial else []
            command = [sys.executable, __file__, "--measure", name, *options]
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
    found = document(bench, list(known))
    write_json(target(bench), found)
    if not bench.trial:
        write_between(PAGE, "results", table(found))
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; the logs are in {bench.work}")


def done(bench: Bench, name: str) -> list[Row]:
    """The rows of a part, none where it has not been run."""
    file = bench.work / f"{name}.part.json"
    if not file.exists():
        return []
    found = json.loads(file.read_text(encoding="utf-8"))
    rows: list[Row] = [{"part": name, "load": found["load"], **row} for row in found["rows"]]
    return rows


def target(bench: Bench) -> Path:
    return bench.work / "models.json" if bench.trial else RESULT


def document(bench: Bench, names: list[str]) -> dict[str, Any]:
    kept, stated = rows_by("part", target(bench)), goals_by_id(target(bench))
    rows = [row for name in names for row in done(bench, name) or kept.get(name, [])]
    found = [one if one["value"] is not None else stated.get(one["id"], one) for one in goals(bench, rows)]
    return results("make bench-models", sorted({row["seed"] for row in rows}), rows, found)


def goals(bench: Bench, rows: list[Row]) -> list[Row]:
    of_part = {row["part"]: row for row in rows}
    found = []
    for data, metric, target in (
        ("beauty", "ndcg@10", 0.056),
        ("beauty", "hr@10", 0.098),
        ("ml1m", "ndcg@10", 0.190),
        ("ml1m", "hr@10", 0.330),
    ):
        part = BEST[data]
        seeds = [seed for seed in SEEDS[data] if f"{part}-{seed}" in of_part]
        own = [of_part[f"{part}-{seed}"] for seed in seeds]
        slowest = max([row["seconds"] for row in own], default=0.0)
        note = f"seeds {seeds}, {own[0]['setting']}; the slowest training took {slowest:.0f} s" if own else "not run"
        short = metric.split("@")[0]
        text = f"{metric} on {data}, leave-one-out, three seeds"
        also = len(seeds) == 3 and (data != "ml1m" or slowest <= 3600)
        found.append(goal(f"{data}-{short}", text, target, mean(bench, part, metric, seeds), note, also=also))
    default = of_part.get("ours-beauty-0")
    found.append(
        goal(
            "beauty-600s",
            "ndcg@10 on Beauty, default settings, seed 0, at most 600 s of `promptrec train --people-out 0`",
            0.053,
            default and {"value": default["ndcg@10"], "low": default["ndcg@10 low"], "high": default["ndcg@10 high"]},
            f"training took {default['seconds']:.0f} s" if default else "not run",
            also=default is not None and default["seconds"] <= 600,
        )
    )
    found += [lead(bench, rows), cold_goal(of_part.get("cold-beauty"), rows)]
    found += [speed(rows, "rectools", 1 / 20), speed(rows, "recbole", 1 / 8)]
    other = best(rows, "rectools sasrec", "beauty")
    ratio = default and other and default["predict_one_seconds"] / other["predict_one_seconds"]
    note = (
        f"{1000 * default['predict_one_seconds']:.2f} ms against {1000 * other['predict_one_seconds']:.2f} ms, medians"
        if default and other
        else "not run"
    )
    text = "time for one unseen person with 20 items, over that of RecTools"
    found.append(goal("one-person", text, 0.2, ratio and {"value": ratio}, note, at_most=True))
    first, last = (of_part.get(f"growth-{events}") for events in (GROWTH[0], GROWTH[-1]))
    grown = {"value": last["cpu_seconds"] / first["cpu_seconds"]} if first and last else None
    found.append(
        goal(
            "growth-10m",
            "processor time of an epoch of 10 million events over that of 1 million, at most 6 GiB",
            11.0,
            grown,
            f"{last['cpu_seconds']:.0f} s ({last['seconds']:.0f} s in all) and {last['peak_gib']:.2f} GiB at 10 million"
            if last
            else "not run",
            at_most=True,
            also=last is not None and last["peak_gib"] <= 6,
        )
    )
    evaluated = json.loads(EVALUATED.read_text(encoding="utf-8"))["goals"] if EVALUATED.exists() else []
    return found + [
        {**one, "note": f"make bench-evaluate: {one['note']}"}
        for one in evaluated
        if one["id"] in ("evaluate-beauty", "evaluate-1m")
    ]


def mean(bench: Bench, part: str, metric: str, seeds: list[int]) -> Row | None:
    """The mean over seeds with its interval over people; None where the values of a seed's people are not at hand."""
    files = [bench.values / f"{part}-{seed}--ours.npz" for seed in seeds]
    if not files or not all(file.exists() for file in files):
        return None
    each = [np.load(file)[metric] for file in files]
    summary = summed_up({metric: np.mean(each, axis=0)})
    return {"value": summary[metric], "low": summary[f"{metric} low"], "high": summary[f"{metric} high"]}


def best(rows: list[Row], model: str, data: str) -> Row | None:
    """A peer's run of the highest validation: its best setting counts."""
    own = [row for row in rows if row["model"] == model and row["data"] == data]
    return max(own, key=lambda row: float(row["validation_ndcg@10"]), default=None)


def lead(bench: Bench, rows: list[Row]) -> Row:
    """The mean NDCG@10 of our seeds less that of the best of all others, peers at their best setting."""
    text = "ndcg@10 on ml100k, mean of five seeds, ahead of the best baseline or peer"
    seeds = [seed for seed in SEEDS["ml100k"] if (bench.values / f"ours-ml100k-{seed}--ours.npz").exists()]
    others = {}
    for file in bench.values.glob("*-ml100k*--*.npz"):
        if not file.name.startswith("ours-"):
            others[file.stem.replace("--peer", "").split("--")[-1]] = np.load(file)["ndcg@10"]
    if not seeds or not others:
        return goal("ml100k-lead", text, 0.0, None, "not run")
    each = [np.load(bench.values / f"ours-ml100k-{seed}--ours.npz")["ndcg@10"] for seed in seeds]
    own = np.mean(each, axis=0)
    others = {name: values for name, values in others.items() if len(values) == len(own)}  # a trial's peers have fewer
    first = max(others, key=lambda name: float(others[name].mean()))
    summary = summed_up({"difference": own - others[first]})
    difference = {"value": summary["difference"], "low": summary["difference low"], "high": summary["difference high"]}
    complete = len(seeds) == 5 and any("ml100k" in row["data"] and "rectools" in row["model"] for row in rows)
    note = f"{own.mean():.4f} (seeds {seeds}) against {others[first].mean():.4f} of {first}, the best of {len(others)}"
    return goal("ml100k-lead", text, 0.0, difference, note, also=complete and summary["difference"] > 0)


def cold_goal(row: Row | None, rows: list[Row]) -> Row:
    text = "recall@10 on the 5% of Beauty's items held out, ranked among all; NDCG@10 on warm ones within 3%"
    if row is None:
        return goal("cold-items", text, 0.10, None, "not run")
    own = next(one for one in rows if one["part"] == "cold-beauty" and one["model"] == "promptrec sequence")
    slot = next(one for one in rows if one["part"] == "cold-beauty" and one["model"] != "promptrec sequence")
    found = {"value": own["recall@10"], "low": own["recall@10 low"], "high": own["recall@10 high"]}
    kept = own["warm ndcg@10"] / own["warm ndcg@10 of all items"]
    note = (
        f"{own['cold']} questions; warm NDCG@10 {own['warm ndcg@10']:.4f}, {kept:.1%} of that of the model trained on "
        f"all items; with a content slot {slot['recall@10']:.4f} and {slot['warm ndcg@10']:.4f}"
    )
    return goal("cold-items", text, 0.10, found, note, also=kept >= 0.97)


def speed(rows: list[Row], library: str, target: float) -> Row:
    """Our time to the validation NDCG@10 of the peer's best epoch over the peer's, which is its training alone."""
    text = f"time to the best validation NDCG@10 of {library} on Beauty, over its own, at no more memory"
    own = next((row for row in rows if row["part"] == "ours-beauty-0"), None)
    other = best(rows, f"{library} sasrec", "beauty")
    if own is None or other is None:
        return goal(f"speed-{library}", text, target, None, "not run")
    reached = other["validation_ndcg@10"]
    took = next(point["seconds"] for point in other["curve"] if point["validation_ndcg@10"] == reached)
    there = [point["seconds"] for point in own["curve"] if point["validation_ndcg@10"] >= reached]
    if not there:
        return goal(f"speed-{library}", text, target, None, f"validation {reached:.4f} was not reached")
    seconds = own["preparation_seconds"] + there[0]
    note = (
        f"validation {reached:.4f} after {seconds:.0f} s, texts and validation included, against {took:.0f} s at "
        f"{other['setting']} settings; {own['peak_gib']:.2f} GiB against {other['peak_gib']:.2f} GiB"
    )
    no_more = own["peak_gib"] <= other["peak_gib"]
    return goal(f"speed-{library}", text, target, {"value": seconds / took}, note, at_most=True, also=no_more)


def table(document: dict[str, Any]) -> str:
    """The goals and the rows as Markdown."""
    lines = ["| goal | what | target | value (95% interval) | met | note |", "|---|---|---|---|---|---|"]
    for one in document["goals"]:
        value = "not run" if one["value"] is None else f"{one['value']:.4g}"
        if one["low"] is not None:
            value += f" ({one['low']:.4f} to {one['high']:.4f})"
        met = "yes" if one["met"] else "no"
        lines.append(f"| `{one['id']}` | {one['goal']} | {one['target']:.4g} | {value} | {met} | {one['note']} |")
    for data in dict.fromkeys(row["data"] for row in document["rows"]):
        lines += [
            "",
            f"**{data}**",
            "",
            "| model | setting | seed | NDCG@10 (95% interval) | HR@10 | training s (CPU s) | GiB | all s | one ms |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        own = [row for row in document["rows"] if row["data"] == data]
        for row in sorted(own, key=lambda row: -row.get("ndcg@10", 0.0)):
            ndcg = cell(row, "ndcg@10", ".4f")
            if "ndcg@10 low" in row:
                ndcg += f" ({row['ndcg@10 low']:.4f} to {row['ndcg@10 high']:.4f})"
            cells = [
                row["model"],
                row["setting"],
                str(row["seed"]),
                ndcg,
                cell(row, "hr@10", ".4f"),
                f"{cell(row, 'seconds', ',.1f')} ({cell(row, 'cpu_seconds', ',.1f')})",
                cell(row, "peak_gib", ".2f"),
                cell(row, "predict_all_seconds", ".1f"),
                cell(row, "predict_one_seconds", ".2f", 1000),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def cell(row: Row, name: str, form: str, times: float = 1) -> str:
    value = row.get(name)
    return "" if value is None else f"{value * times:{form}}"


if __name__ == "__main__":
    main(sys.argv[1:])
