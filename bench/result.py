"""What a bench writes: the head of its results file, its goals, and what it keeps of parts that were not run here.

Results stand until their part is run again, on this machine or another.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def results(command: str, seeds: Iterable[int], rows: list[Row], goals: list[Row], **more: Any) -> Row:
    """The document of a results file; command: what runs the bench anew."""
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "seeds": list(seeds),
        **more,
        "rows": rows,
        "goals": goals,
    }


def goal(
    name: str,
    text: str,
    target: float,
    found: Mapping[str, float] | float | None,
    note: str = "",
    at_most: bool = False,
    also: bool = True,
) -> Row:
    """found: the `value`, with the `low` and `high` of its interval where there is one, None where it was not measured;
    at_most: the value is to be at most the target, not at least; also: whatever else has to hold."""
    measured = found if isinstance(found, Mapping) else {"value": found}
    value = measured["value"]
    reached = value is not None and (value <= target if at_most else value >= target)
    return {
        "id": name,
        "goal": text,
        "target": target,
        "value": value,
        "low": measured.get("low"),
        "high": measured.get("high"),
        "met": bool(reached and also),
        "note": note or ("not run" if value is None else ""),
    }


def rows_by(key: str, result: Path) -> dict[str, list[Row]]:
    """The rows of a results file by the part, cell or question that they are of, under `key`."""
    found: dict[str, list[Row]] = {}
    for row in _read(result).get("rows", []):
        found.setdefault(row[key], []).append(row)
    return found


def goals_by_id(result: Path) -> dict[str, Row]:
    return {one["id"]: one for one in _read(result).get("goals", [])}


def _read(result: Path) -> Row:
    found: Row = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    return found
