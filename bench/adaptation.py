"""`make bench-adaptation`: prompts against everything that could replace them, into bench/results/adaptation.json.

    python bench/adaptation.py              every cell of every world that is not there yet, then the results
    python bench/adaptation.py --short      those of the small world alone, its training included
    python bench/adaptation.py NAME ...     only the cells of a world whose names begin so; `--cells` lists them
    python bench/adaptation.py --results    the results, tables and plots of the cells that are there

A world is a data set and a seed: MovieLens-1M, Beauty and the courses with seeds 0, 1 and 2, and, small and quick,
MovieLens-100K with seed 0. NAME and --cells are of the one that the variable WORLD names, as in WORLD=beauty-0; of
ml1m-0 where it is not set. A cell is a file in bench/work/adaptation; what is there is not run again. Of a cell that
was not run here the results keep what they say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import adaptation_cold
import adaptation_few_shot
import adaptation_general
import adaptation_requests
import adaptation_unseen_words
import adaptation_variety
from adaptation_results import RESULT, write_results
from adaptation_world import SHORT, WORK, WORLD, WORLDS, file_of, id_of
from promptrec.workspace import write_json
from result import rows_by


def cells() -> dict[str, Callable[[], dict[str, Any]]]:
    """Every cell of the world by its name, those that say most first."""
    few, cold, requests = adaptation_few_shot.cells(), adaptation_cold.cells(), adaptation_requests.cells()
    unseen_words = adaptation_unseen_words.cells()
    if WORLD.data == "courses":
        return few
    if WORLD.data == "beauty":
        return {**few, **unseen_words}
    if WORLD == SHORT:
        return {**few, **cold, **requests}
    return {
        **adaptation_general.cells(),
        **{name: make for name, make in few.items() if not name.endswith("-4096")},
        **cold,
        **requests,
        **unseen_words,
        **adaptation_variety.cells(),
        **{name: make for name, make in few.items() if name.endswith("-4096")},
    }


def main(arguments: list[str]) -> None:
    if arguments in ([], ["--short"]) and "WORLD" not in os.environ:
        for world in [SHORT] if arguments else WORLDS:
            subprocess.run([sys.executable, __file__], env={**os.environ, "WORLD": str(world)}, check=True)
        return
    known = cells()
    named = [argument for argument in arguments if not argument.startswith("--")]
    wanted = [name for name in known if not named or any(name.startswith(part) for part in named)]
    if not wanted:
        raise SystemExit(f"there is no cell {named[0]!r}; the cells are {', '.join(known)}")
    if "--cells" in arguments:
        print("\n".join(f"{name}{'  done' if file_of(name).exists() else ''}" for name in known))
        return
    if "--results" not in arguments:
        for name in (name for name in wanted if not file_of(name).exists()):
            print(id_of(name), flush=True)
            write_json(file_of(name), {"cell": id_of(name), **known[name]()})
    found = {name: rows[0] for name, rows in rows_by("cell", RESULT).items()}
    for folder in (WORK, *(WORK / str(world) for world in WORLDS)):
        rows = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))]
        found |= {row["cell"]: row for row in rows}
    write_results(found)


if __name__ == "__main__":
    main(sys.argv[1:])
