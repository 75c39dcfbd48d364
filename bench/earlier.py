"""Results that stand: of a part that was not run here a results file keeps what it says until the part is run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def rows_by(key: str, result: Path) -> dict[str, list[Row]]:
    """The rows of a results file by the part, cell or question that they are of, under `key`."""
    found: dict[str, list[Row]] = {}
    for row in _read(result).get("rows", []):
        found.setdefault(row[key], []).append(row)
    return found


def goals_by_id(result: Path) -> dict[str, Row]:
    return {one["id"]: one for one in _read(result).get("goals", [])}


def _read(result: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    return found
