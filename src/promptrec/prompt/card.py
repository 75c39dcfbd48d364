"""A prompt's card as Markdown: what it is, how it was made and what it does, for the person who must trust it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def markdown(card: Mapping[str, Any]) -> str:
    """The Markdown of a card.json: words, data, examples, objective, recipe, scores with intervals, size, prints."""
    about = card["card"]
    lines = [f"# {card['name']}, version {card['version']}", "", f"A {card['kind']} prompt: {card['words'] or '–'}", ""]
    lines += _table(("what", "value"), [(key, value) for key, value in _facts(card) if value not in (None, "", [])])
    if card["parts"]:
        rows = [(part["name"], part["version"], f"{part['weight']:.3f}") for part in card["parts"]]
        lines += ["## Parts", "", *_table(("prompt", "version", "weight"), rows)]
    for people in ("validation", "test"):
        scores = about.get(people)
        if scores:
            rows = [(name, *(_interval(scores[name].get(key)) for key in SCORES)) for name in scores]
            lines += [f"## Scores on {people} people", "", *_table(("metric", *SCORES), rows)]
    reading = about.get("reading", {})
    for title, key in READING.items():
        if reading.get(key):
            lines += [f"## {title}", "", *_table(("", "change of score"), reading[key])]
    return "\n".join(lines).rstrip() + "\n"


SCORES = ("without", "with", "difference")
READING = {
    "Requests that do nearly the same (cosine of what they lift)": "nearest_requests",
    "Attributes lifted most": "attributes_lifted",
    "Attributes sunk most": "attributes_sunk",
    "Items lifted most": "items_lifted",
    "Items sunk most": "items_sunk",
}


def _facts(card: Mapping[str, Any]) -> list[tuple[str, Any]]:
    about = card["card"]
    return [
        ("data", about.get("data")),
        ("examples", about.get("examples")),
        ("objective", about.get("objective")),
        ("recipe", ", ".join(f"{key} {value}" for key, value in card["recipe"].items() if value is not None)),
        ("size", f"{card['bytes']:,} bytes"),
        ("backbone", f"`{card['backbone'][:16]}`"),
        ("request encoder", f"`{card['request_encoder'][:16]}`" if card["request_encoder"] else None),
    ]


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    shown = [[_cell(value) for value in row] for row in rows]
    return [*("| " + " | ".join(row) + " |" for row in [list(head), ["---"] * len(head), *shown]), ""]


def _cell(value: Any) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _interval(score: Mapping[str, float] | None) -> str:
    if not score:
        return "–"
    return f"{score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})"
