"""`make bench-language`: prompts inside a language model; `python bench/language.py PART ...` runs some of its parts.

A part is a file in bench/work/language; what is there is not run again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from language_answers import answers
from language_languages import languages
from language_no_events import beauty_files, courses_files, minutes, no_events
from language_reranking import reranking
from language_trained import helps_trained
from language_world import ROOT, SEEDS, WORK
from promptrec.workspace import write_json
from result import goal, goals_by_id, results, rows_by

RESULT = ROOT / "bench/results/language.json"


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "answers": answers,
    "courses": lambda: no_events("courses", "multilingual-e5-small", courses_files, (0,)),
    "beauty": lambda: no_events("beauty", "minilm", beauty_files, SEEDS),
    "minutes": minutes,
    "languages": languages,
    "helps-trained": helps_trained,
    "reranking": reranking,
}
GOALS = {
    "answers-mrr": ("MRR of the tuned prompt with words", 0.63),
    "answers-mrr-alone": ("MRR of the tuned prompt alone, against MiniLM alone", 0.579),
    "no-events-courses": ("courses: NDCG@10 tuned from 512 over content similarity, times", 1.2),
    "no-events-beauty": ("beauty: NDCG@10 tuned from 512 over content similarity, times", 1.2),
    "languages": ("effect of a request in the other language, share of that in the same", 0.85),
    "helps-trained": ("mix of sequence and language against sequence alone on cold items, times", 1.0),
    "helps-trained-reranking": (
        "sequence reranked by a tuned decoder against sequence alone on cold items, times",
        1.0,
    ),
    "prompt-minutes": ("minutes to tune a prompt for MiniLM over 2,000 examples", 10.0),
}


def main(parts: list[str]) -> None:
    for part in parts or list(PARTS):
        file = WORK / f"{part}.json"
        if not file.exists():
            write_json(file, PARTS[part]())
    done = [json.loads((WORK / f"{part}.json").read_text()) for part in PARTS if (WORK / f"{part}.json").exists()]
    rows = rows_by("part", RESULT) | {row["part"]: part["rows"] for part in done for row in part["rows"]}
    goals = goals_by_id(RESULT) | {own["id"]: own for part in done for own in part["goals"]}
    write_json(
        RESULT,
        results(
            "make bench-language",
            SEEDS,
            [row for own in rows.values() for row in own],
            [goals.get(name) or goal(name, *about, None) for name, about in GOALS.items()],
        ),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
