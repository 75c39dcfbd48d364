"""The Markdown tables of docs/adaptation.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adaptation_few_shot import SIZES
from adaptation_world import SCENARIOS_OF, WORLDS, Scenario, World, of_world

Cells = Mapping[str, dict[str, Any]]
EVENTS = ("0", "1", "2", "3", "5", "10")
VARIETY = ("ndcg@10", "coverage@10", "diversity@10", "novelty@10")


def tables(cells: Cells) -> str:
    parts = []
    for world in WORLDS:
        own = of_world(cells, world)
        parts += [_few_shot(own, world, name, scenario) for name, scenario in SCENARIOS_OF[world.data].items()]
    for world in WORLDS:
        own = of_world(cells, world)
        found = [part for part in (_cold(own), _requests(own), _variety(own), _general(own), _costs(own)) if part]
        parts += [f"### What is not of one scenario, {world}", *found] if found else []
    return "\n\n".join(part for part in parts if part) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _few_shot(cells: Cells, world: World, name: str, scenario: Scenario) -> str:
    """A row a method, a column a number of examples; bold the chosen prompt, † the quick one, * where the chosen one is
    surely ahead of the row."""
    found = {size: cells[one] for size in SIZES if (one := f"few-shot-{name}-{size}") in cells}
    if not found:
        return ""
    methods = dict.fromkeys(method for one in found.values() for method in one["methods"])
    rows = []
    for method in methods:
        row = [method]
        for size in SIZES:
            if method not in found.get(size, {}).get("methods", {}):
                row.append("–")
                continue
            own = found[size]["methods"][method]
            text = f"{own['test']['value']:.3f}"
            if method == found[size]["chosen"]:
                text = f"**{text}**"
            elif own["chosen prompt's lead"]["low"] > 0:
                text += " *"
            if method == found[size].get("quick"):
                text += " †"
            row.append(text)
        rows.append(row)
    one = next(iter(found.values()))
    head = f"**{name}** ({world}): `{scenario.where}`, {one['candidates']:,} candidates, "
    head += f"{one['test_examples']:,} test events"
    return f"{head}\n\n{table(['NDCG@10', *(f'{size:,} examples' for size in SIZES)], rows)}"


def _cold(cells: Cells) -> str:
    if "cold" not in cells:
        return ""
    rows = [
        [
            row["method"],
            *(f"{row['ndcg@10'][n]['value']:.3f}" for n in EVENTS),
            f"{row['mean 0 to 5']:.4f}",
            "" if row["method"] == "profile prompt" else _interval(row["lead 0 to 5"]),
        ]
        for row in cells["cold"]["methods"]
    ]
    return table(["NDCG@10 after events", *EVENTS, "mean 0 to 5", "the profile prompt's lead"], rows)


def _interval(found: Mapping[str, float]) -> str:
    return f"{found['value']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


def _requests(cells: Cells) -> str:
    parts = []
    for name in ("requests", "two-genres", "genre-and-decade", "unseen-words"):
        if name in cells:
            rows = cells[name]["rows"]
            most = rows["hard filter"]["ndcg@10"]["value"]
            lines = [
                [way, f"{r['ndcg@10']['value']:.3f}", f"{r['ndcg@10']['value'] / most:.0%}", f"{r['precision@10']:.2f}"]
                for way, r in rows.items()
            ]
            wanted = f"{name}, mean of {cells[name]['wanted']}"
            parts.append(table([wanted, "NDCG@10", "of the hard filter", "precision@10"], lines))
    if "requests" in cells:
        refused, lost = cells["requests"]["negation"], cells["requests"]["harmless"]["lost"]
        lines = [["no request", f"{refused['before']:.1%}", "0%", "0%"], ["hard filter", "0%", "–", "–"]]
        for way, own in lost.items():
            costs = [f"{sum(own.values()) / len(own):.1%}", f"{max(own.values()):.1%}"]
            lines.append([way, f"{refused['after'][way]:.1%}", *costs])
        head = [
            "what is refused and random text",
            "share of the refused genre",
            "NDCG@10 lost, mean of ten texts",
            "most",
        ]
        parts.append(table(head, lines))
    return "\n\n".join(parts)


def _variety(cells: Cells) -> str:
    if "variety" not in cells:
        return ""
    rows = [
        [r["family"], r["setting"], *(f"{r['test'][metric]:.3f}" for metric in VARIETY)]
        for r in cells["variety"]["rows"]
    ]
    edge = [
        [family, metric, *(("–" if v is None else f"{v:.3f}") for v in at.values())]
        for family, of in cells["variety"]["curves"].items()
        for metric, at in of.items()
    ]
    first = table(["family", "metric", "at no loss", "at 2% loss", "at 5% loss"], edge)
    return f"{first}\n\n{table(['family', 'setting', *VARIETY], rows)}"


def _general(cells: Cells) -> str:
    if "general-task" not in cells:
        return ""
    frozen, *rows = cells["general-task"]["rows"]
    changes: dict[str, dict[str, str]] = {}
    for row in rows:
        changes.setdefault(row["method"], {})[row["learnt"]] = _interval(row["difference"])
    learnt = list(next(iter(changes.values())))
    lines = [[frozen["method"], *["0, to the bit" if frozen["same_bits"] else "other bits" for _ in learnt]]]
    lines += [[method, *(of[name] for name in learnt)] for method, of in changes.items()]
    head = f"change of the general task's NDCG@10 ({frozen['ndcg@10']:.4f}) after learning"
    return table([head, *learnt], lines)


def _costs(cells: Cells) -> str:
    """What adapting to one scenario costs, seconds in the mean of the scenarios."""
    if "general-task" not in cells:
        return ""
    rows = []
    for method, cost in cells["general-task"]["costs"].items():
        seconds = [_seconds(cells, method, size) for size in SIZES]
        rows.append([method, f"{cost['parameters']:,}", f"{cost['bytes']:,}", *seconds, f"{cost['milliseconds']:.2f}"])
    times = [f"seconds, {size:,} examples" for size in SIZES]
    return table(["way", "numbers kept", "bytes", *times, "milliseconds a query"], rows)


def _seconds(cells: Cells, method: str, size: int) -> str:
    named = [one["methods"] for name, one in cells.items() if name.startswith("few-shot") and one["size"] == size]
    found = [methods[method]["seconds"] for methods in named if method in methods]
    return f"{sum(found) / len(found):.1f}" if found else "–"
