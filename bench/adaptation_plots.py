"""One page of plots, docs/adaptation.png."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from adaptation_few_shot import SIZES
from adaptation_world import ML1M

Cells = Mapping[str, dict[str, Any]]
SHOWN = {"frozen": "0.5", "full": "C3", "lora": "C1", "last layer": "C2"}
WORTH_SHOWING = 0.85  # of the frozen list's NDCG@10


def draw(cells: Cells, file: Path) -> None:
    figure, axes = plt.subplots(3, 3, figsize=(13, 11))
    places = list(axes.flat)
    for name, place in zip(ML1M, places, strict=False):
        _few_shot(cells, name, place)
    _cold(cells, places[6])
    _variety(cells, places[7], "coverage@10")
    _variety(cells, places[8], "diversity@10")
    figure.tight_layout()
    figure.savefig(file, dpi=80)
    plt.close(figure)


def _few_shot(cells: Cells, name: str, place: Any) -> None:
    sizes = [size for size in SIZES if f"few-shot-{name}-{size}" in cells]
    place.set_title(name)
    if not sizes:
        return
    found = [cells[f"few-shot-{name}-{size}"] for size in sizes]
    for method, colour in SHOWN.items():
        there = [(size, c["methods"][method]) for size, c in zip(sizes, found, strict=True) if method in c["methods"]]
        values = [own["test"]["value"] for _, own in there]
        place.plot([size for size, _ in there], values, "o-", color=colour, label=method)
    best = [c["methods"][c["chosen"]]["test"] for c in found]
    place.plot(sizes, [b["value"] for b in best], "o-", color="C0", label="chosen prompt")
    place.fill_between(sizes, [b["low"] for b in best], [b["high"] for b in best], color="C0", alpha=0.15)
    place.set_xscale("log")
    place.set_xlabel("examples")
    place.set_ylabel("NDCG@10")
    place.legend(fontsize=7)


def _cold(cells: Cells, place: Any) -> None:
    place.set_title("people with few events")
    if "cold" in cells:
        for row in cells["cold"]["methods"]:
            at = row["ndcg@10"]
            wide = 2.5 if row["method"] == "profile prompt" else 1
            place.plot([int(n) for n in at], [v["value"] for v in at.values()], lw=wide, label=row["method"])
        place.set_xlabel("events")
        place.set_ylabel("NDCG@10")
        place.legend(fontsize=6)


def _variety(cells: Cells, place: Any, metric: str) -> None:
    place.set_title(f"{metric} against NDCG@10, general task")
    if "variety" in cells:
        rows = cells["variety"]["rows"]
        rows = [row for row in rows if row["test"]["ndcg@10"] >= WORTH_SHOWING * rows[0]["test"]["ndcg@10"]]
        for family in dict.fromkeys(row["family"] for row in rows):
            own = sorted((r["test"]["ndcg@10"], r["test"][metric]) for r in rows if r["family"] == family)
            place.plot([p[0] for p in own], [p[1] for p in own], "o", ms=4, label=family)
        place.set_xlabel("NDCG@10")
        place.legend(fontsize=7)
