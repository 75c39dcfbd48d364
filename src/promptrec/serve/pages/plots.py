"""Intervals and counts as places along a line, in percent: what the templates draw as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Interval:
    """One line of a plot: value with its 95% interval, and where low, value, high and zero lie, in percent. edge: the
    value at the right edge.
    """

    label: str
    kind: str
    value: float
    low: float | None
    high: float | None
    left: float
    middle: float
    right: float
    zero: float
    edge: float


def intervals(rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[Interval]:
    """The rows (label, kind, {"value", "low", "high"}) on one scale that begins at zero, or below where needed."""
    known = [(label, kind, found) for label, kind, found in rows if found and _number(found.get("value"))]
    ends = [float(found[key]) for _, _, found in known for key in ("low", "value", "high") if _number(found.get(key))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    span = (high - low) * 1.04 or 1.0

    def place(value: Any) -> float:
        return round(2 + 96 * (float(value) - low) / span, 2)

    made = []
    for label, kind, found in known:
        own_low, own_high = (found[key] if _number(found.get(key)) else found["value"] for key in ("low", "high"))
        made.append(
            Interval(
                label,
                kind,
                float(found["value"]),
                found.get("low"),
                found.get("high"),
                place(own_low),
                place(found["value"]),
                place(own_high),
                place(0),
                low + span * 98 / 96,
            )
        )
    return made


def bars(counts: Sequence[float]) -> list[tuple[float, float]]:
    """For each count where its bar begins, and how high it is, in percent of the highest."""
    most, width = max(counts, default=0) or 1, 100 / max(len(counts), 1)
    return [(round(width * place, 3), round(100 * count / most, 2)) for place, count in enumerate(counts)]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
