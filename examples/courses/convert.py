"""From MOOCCube to the two files that courses.toml names.

    python convert.py MOOCCUBE DATA [PEOPLE]

MOOCCUBE is the unpacked archive: relations/user-course.json (a learner, a tab, a course; a learner's lines in the order
of enrolment) and entities/course.json (JSON lines). The files are written to DATA/mooc/, of the first PEOPLE learners
(2000) with three courses or more.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl

FEWEST_COURSES = 3


def enrolments(path: Path, people: int) -> pl.DataFrame:
    """Learner, course and the place of the course among the learner's own, in the order of the file."""
    frame = pl.read_csv(path, separator="\t", has_header=False, new_columns=["user_id", "item_id"], quote_char=None)
    frame = frame.unique(maintain_order=True).filter(pl.len().over("user_id") >= FEWEST_COURSES)
    chosen = frame["user_id"].unique(maintain_order=True).head(people)
    kept = frame.filter(pl.col("user_id").is_in(chosen.implode()))
    return kept.with_columns(position=pl.int_range(pl.len()).over("user_id"))


def courses(path: Path) -> pl.DataFrame:
    """Id and introduction of each course."""
    with path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.strip()]
    return pl.DataFrame({"item_id": [row["id"] for row in rows], "description": [row["about"] for row in rows]})


def main(mooccube: Path, data: Path, people: int = 2000) -> None:
    folder = data / "mooc"
    folder.mkdir(parents=True, exist_ok=True)
    events = enrolments(mooccube / "relations/user-course.json", people)
    for name, frame in (("events", events), ("items", courses(mooccube / "entities/course.json"))):
        frame.write_csv(folder / f"{name}.csv.gz", compression="gzip")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(int, sys.argv[3:4]))
