"""From cells to bench/results/adaptation.json: its goals, and the tables and the plot of docs/adaptation.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adaptation_few_shot import RIVALS, SIZES
from adaptation_plots import draw
from adaptation_tables import tables
from adaptation_wanted import LANGUAGES
from adaptation_world import FIRST, ML1M, WORLDS, of_world
from marked import write_between
from promptrec.workspace import write_json
from result import goal, results

RESULT = Path("bench/results/adaptation.json")
PAGE = Path("docs/adaptation.md")
Cells = Mapping[str, dict[str, Any]]
ALLOWED = 0.005


def write_results(cells: Cells) -> None:
    seeds = cells_by_seed(cells, "ml1m")
    each = [
        [large_data(c), cold_people(c), *requests(c), unseen_words(c, "unseen-words", "genres"), variety(c), general(c)]
        for c in seeds.values()
    ]
    goals = [few_shot(seeds), *(over_seeds(dict(zip(seeds, one, strict=True))) for one in zip(*each, strict=True))]
    beauty = cells_by_seed(cells, "beauty")
    words = {seed: unseen_words(c, "unseen-words-beauty", "categories") for seed, c in beauty.items()}
    goals.append(over_seeds(words))
    write_json(RESULT, results("make bench-adaptation", list(seeds), list(cells.values()), goals))
    write_between(PAGE, "results", tables(cells).rstrip())
    draw(cells, Path("docs/adaptation.png"))
    for one in goals:
        print(f"{one['id']:14} {one['met']!s:6} {one['value']}  (target {one['target']})  {one['note']}")


def cells_by_seed(cells: Cells, data: str) -> dict[int, dict[str, Any]]:
    found = {world.seed: of_world(cells, world) for world in WORLDS if world.data == data}
    return {seed: own for seed, own in found.items() if own} or {FIRST.seed: {}}


def over_seeds(goals: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """One goal of the seeds that have it: the mean, met where each seed meets it, with the note of the first that does
    not."""
    found = {seed: one for seed, one in goals.items() if one["value"] is not None}
    if len(found) < 2:
        return next(iter((found or goals).values()))
    values = [one["value"] for one in found.values()]
    missed = [seed for seed, one in found.items() if not one["met"]]
    said = missed[0] if missed else min(found)
    note = f"{len(found)} seeds ({', '.join(f'{value:.4g}' for value in values)}"
    note += f"; missed by {', '.join(map(str, missed))})" if missed else ")"
    if found[said]["note"]:
        note += f", seed {said}: {found[said]['note']}"
    return {**found[said], "value": sum(values) / len(values), "met": not missed, "note": note}


def few_shot(seeds: Mapping[int, Cells]) -> dict[str, Any]:
    """In how many scenarios the chosen prompt is ahead of all that is trained, the fewest over the three sizes."""
    at: dict[int, list[str]] = {}
    fewest = len(WORLDS)
    for size in SIZES[:3]:
        names = {one: f"few-shot-{one}-{size}" for one in ML1M}
        found = {one: [own[name] for own in seeds.values() if name in own] for one, name in names.items()}
        fewest = min(fewest, *map(len, found.values()))
        if all(found.values()):
            at[size] = [one for one, own in found.items() if all(least_lead(own, rival) > 0 for rival in RIVALS)]
    value = min(len(ahead) for ahead in at.values()) if len(at) == 3 else None
    note = "; ".join(f"{size}: {len(ahead)} of 6 ({', '.join(ahead)})" for size, ahead in at.items())
    text = "scenarios of six where the chosen prompt is ahead of all fine-tuning and scratch, at 16, 64 and 512"
    return goal("few-shot", text, 5, value, f"{note}; the fewest seeds of a cell: {fewest}")


def least_lead(cells: Sequence[dict[str, Any]], rival: str) -> float:
    """The lower end of the interval of the mean lead over the seeds, whose people are drawn apart."""
    leads = [cell["methods"][rival]["chosen prompt's lead"] for cell in cells]
    below = math.sqrt(sum((lead["value"] - lead["low"]) ** 2 for lead in leads))
    return float((sum(lead["value"] for lead in leads) - below) / len(leads))


def large_data(cells: Cells) -> dict[str, Any]:
    """The mean lead of the quick prompt, the one that validation people prefer of those that took at most a fifth of
    full fine-tuning's time, with its share of the parameters and the time."""
    found = [cells[name] for name in (f"few-shot-{one}-4096" for one in ML1M) if name in cells]
    text = (
        "at 4,096 examples: NDCG@10 of the best prompt on validation people that took at most a fifth of full "
        "fine-tuning's time, less full fine-tuning's, mean of the scenarios"
    )
    found = [cell for cell in found if cell.get("quick")]
    if not found:
        return goal("large-data", text, -ALLOWED, None)
    fulls = [cell["methods"]["full"] for cell in found]
    quick = [cell["methods"][cell["quick"]] for cell in found]
    leads = [full["quick prompt's lead"]["value"] for full in fulls]
    numbers = max(p["parameters"] / full["parameters"] for p, full in zip(quick, fulls, strict=True))
    times = max(p["seconds"] / full["seconds"] for p, full in zip(quick, fulls, strict=True))
    met = min(leads) >= -ALLOWED and numbers <= 0.006 and times <= 0.2
    note = (
        f"{len(found)} of {len(ML1M)} scenarios; worst {min(leads):+.4f}; at most {numbers:.2%} of the parameters "
        f"(0.6% wanted) and {times:.0%} of the time (20% wanted)"
    )
    complete = len(found) == len(ML1M)
    return goal("large-data", text, -ALLOWED, sum(leads) / len(leads), note, also=complete and met)


def cold_people(cells: Cells) -> dict[str, Any]:
    text = "people with 0 to 5 events: the profile prompt's least lead over what needs no prompt, in the mean"
    if "cold" not in cells:
        return goal("cold-people", text, 0, None)
    named = ("popularity", "popularity in the profile", "full fine-tuning")
    others = [row for row in cells["cold"]["methods"] if row["method"] in ("frozen", *named)]
    least = min(others, key=lambda row: row["lead 0 to 5"]["value"])
    behind = [
        f"{row['method']} at {n} ({row[LEAD][n]['value']:+.4f})"
        for row in others
        for n in ("0", "1", "2", "3", "5")
        if row[LEAD][n]["value"] < (0 if row["method"] == "frozen" else -ALLOWED)
    ]
    value = least["lead 0 to 5"]["value"]
    note = f"least against {least['method']}; " + ("too far behind " + ", ".join(behind) if behind else "never behind")
    return goal("cold-people", text, 0, value, note, also=value > 0 and not behind)


LEAD = "profile prompt's lead"


def share(rows: Mapping[str, Any], way: str) -> float | None:
    """Of the hard filter's NDCG@10."""
    return rows[way]["ndcg@10"]["value"] / rows["hard filter"]["ndcg@10"]["value"] if way in rows else None


def least(rows: Mapping[str, Any], way: str) -> float | None:
    shares = [own for language in LANGUAGES if (own := share(rows, f"{way}, {language}")) is not None]
    return min(shares, default=None)


def noted(rows: Mapping[str, Any], way: str) -> str:
    return "; ".join(
        f"{language} {share(rows, f'{way}, {language}'):.1%}, precision@10 "
        f"{rows[f'{way}, {language}']['precision@10']:.3f}"
        for language in LANGUAGES
        if f"{way}, {language}" in rows
    )


def requests(cells: Cells) -> list[dict[str, Any]]:
    found = cells.get("requests")
    rows = found["rows"] if found else {}
    precise = bool(rows) and min(rows[f"unseen wording, {one}"]["precision@10"] for one in LANGUAGES) >= 0.9
    refused = found["negation"]["after"]["request"] / found["negation"]["before"] if found else None
    lost = max(found["harmless"]["lost"]["request"].values()) if found else None
    return [
        goal(
            "wording",
            "unseen wordings against the hard filter's NDCG@10, the lesser of two languages",
            0.97,
            least(rows, "unseen wording"),
            noted(rows, "unseen wording"),
            also=precise,
        ),
        goal(
            "paraphrase",
            "paraphrases without the genre's word against the hard filter's",
            0.85,
            least(rows, "paraphrase"),
            noted(rows, "paraphrase"),
        ),
        goal("negation", "what is left of the unwanted share", 0.2, refused, at_most=True),
        goal("harmless", "the most that random text costs", 0.01, lost, at_most=True),
    ]


def unseen_words(cells: Cells, name: str, what: str) -> dict[str, Any]:
    rows = cells["unseen-words"]["rows"] if "unseen-words" in cells else {}
    english, chinese = (share(rows, f"unseen word, {language}") for language in LANGUAGES)
    text = f"{what} never named in training, against the hard filter's, English (Chinese: .55 wanted)"
    enough = chinese is not None and chinese >= 0.55
    return goal(name, text, 0.6, english, noted(rows, "unseen word"), also=enough)


def variety(cells: Cells) -> dict[str, Any]:
    text = "coverage@10 at 2% loss of NDCG@10, times the frozen list's"
    if "variety" not in cells:
        return goal("variety", text, 1.2, None)
    curves, rows = cells["variety"]["curves"], cells["variety"]["rows"]
    ratio = {family: (of["coverage@10"]["0.02"] or 0) / rows[0]["test"]["coverage@10"] for family, of in curves.items()}
    above = all(
        (curves["prompt"][metric][loss] or 0) > (curves[rival][metric][loss] or 0)
        for metric in ("coverage@10", "diversity@10")
        for loss in ("0", "0.02", "0.05")
        for rival in ("MMR", "DPP", "penalty")
    )
    value = ratio["prompt"]
    note = ", ".join(f"{family} {times:.2f}" for family, times in ratio.items())
    ending = "; above every rival everywhere" if above else "; not above every rival everywhere"
    return goal("variety", text, 1.2, value, note + ending, also=above)


def general(cells: Cells) -> dict[str, Any]:
    text = "scores without a prompt are the same bits after tuning (1) or not (0)"
    found = cells.get("general-task")
    same = found["rows"][0]["same_bits"] if found else None
    return goal("general-task", text, 1, None if same is None else float(same))
