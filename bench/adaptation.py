"""`make bench-adaptation`: prompts against everything that could replace them, on MovieLens-1M, one model, seed 0.

    python bench/adaptation.py              every cell that is not there yet, then the results
    python bench/adaptation.py NAME ...     only the cells whose names begin so; `--cells` lists them
    python bench/adaptation.py --short      three scenarios with 64 examples, people with few events, requests
    python bench/adaptation.py --results    the results, tables and plots of the cells that are there

A cell is a file in bench/work/adaptation; what is there is not run again. Of a cell that was not run here the results
keep what they say. The model is that of bench/prompts.py.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import adaptation_cold
import adaptation_few_shot
import adaptation_general
import adaptation_requests
import adaptation_variety
from adaptation_results import RESULT, write_results
from adaptation_world import WORK, cell
from result import rows_by

SHORT = (
    "general-task",
    "few-shot-five-star-64",
    "few-shot-first-visits-64",
    "few-shot-children-64",
    "cold",
    "requests",
)


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    """Every cell by its name, those that say most first."""
    few = adaptation_few_shot.cells()
    return {
        **adaptation_general.cells(),
        **{name: make for name, make in few.items() if not name.endswith("-4096")},
        **adaptation_cold.cells(),
        **adaptation_requests.cells(),
        **adaptation_variety.cells(),
        **{name: make for name, make in few.items() if name.endswith("-4096")},
    }


def main(arguments: list[str]) -> None:
    known = cells()
    named = [argument for argument in arguments if not argument.startswith("--")]
    if "--short" in arguments:
        named = list(SHORT)
    wanted = [name for name in known if not named or any(name.startswith(part) for part in named)]
    if not wanted:
        raise SystemExit(f"there is no cell {named[0]!r}; the cells are {', '.join(known)}")
    if "--cells" in arguments:
        print("\n".join(f"{name}{'  done' if (WORK / f'{name}.json').exists() else ''}" for name in known))
        return
    if "--results" not in arguments:
        for name in wanted:
            print(name, flush=True)
            cell(name, known[name])
    files = {name: WORK / f"{name}.json" for name in known}
    found = {name: rows[0] for name, rows in rows_by("cell", RESULT).items()}
    found |= {name: json.loads(file.read_text("utf-8")) for name, file in files.items() if file.exists()}
    write_results({name: found[name] for name in known if name in found})


if __name__ == "__main__":
    main(sys.argv[1:])
