"""A path: the best next course, and from there the best next one, each with its reasons.

python path.py WORKSPACE HISTORY [STEPS]
"""

from __future__ import annotations

import sys

from promptrec import Recommender
from promptrec.recommender import Item


def path(recommender: Recommender, history: list[str], steps: int = 4) -> list[Item]:
    """The first course recommended is taken, then the first one recommended after it, and so on."""
    taken: list[Item] = []
    for _ in range(steps):
        done = [*history, *(item.id for item in taken)]
        taken += recommender.recommend(history=done, k=1)
    return taken


if __name__ == "__main__":
    workspace, history, *steps = sys.argv[1:]
    for number, item in enumerate(path(Recommender.load(workspace), history.split(","), *map(int, steps)), start=1):
        print(f"{number}. {item.title[:40]}  ({'; '.join(reason[:40] for reason in item.reasons)})")
