"""What `make bench-serve` serves: a trained catalogue of 10,000 items with prompts, and the traffic over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.recommender import Recommender
from promptrec.training import train
from promptrec.workspace import Workspace

GENRES = ("Comedy", "War", "Romance", "Drama", "Crime", "Horror", "Western", "Musical", "Fantasy", "Mystery")
WORDS = ("light", "dark", "quiet", "loud", "old", "new", "short", "long", "warm", "strange")
PROMPTS = 1_000
CALLS = 5_000


def world(folder: Path, items: int, people: int, seed: int) -> Path:
    """Make and train it once; a folder that is complete is taken as it is."""
    place = Workspace(folder / "workspace")
    if not (folder / "complete").exists():
        rng = np.random.default_rng(seed)
        kinds = rng.integers(len(GENRES), size=items)
        frame = pl.DataFrame(
            {
                "id": [f"i{n}" for n in range(items)],
                "title": [f"{WORDS[n % 10]} {GENRES[kind].lower()} number {n}" for n, kind in enumerate(kinds)],
                "genres": [[GENRES[kind]] for kind in kinds],
            }
        )
        rows = []
        for person in range(people):
            own = np.flatnonzero(kinds == rng.integers(len(GENRES)))
            for order, item in enumerate(rng.choice(own, size=min(50, len(own)), replace=False)):
                rows.append((f"p{person}", f"i{item}", 1_000.0 * order, "view", None, 1.0, None))
        events = pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row")
        Dataset(events, frame, None, {"name": "bench-serve", "has_times": True}).save(place.dataset)
        train(place, seed=seed)
        recommender = Recommender.load(place.root)
        for n in range(PROMPTS):
            words = f"{WORDS[n % 10]} {GENRES[n // 10 % 10].lower()} {n}"
            recommender.library.save(recommender.requests.prompt(words, f"prompt-{n}"))
        (folder / "complete").touch()
    return place.root


def traffic(
    file: Path,
    items: int,
    seed: int,
    prompts: int = 20,
    explain: bool = False,
    share: float = 0.2,
    calls: int = CALLS,
) -> Path:
    """Bodies of `calls` calls, which the load sends again and again where it makes more: histories of up to 50, `share`
    with one of `prompts` named prompts, 10% with one of 1,000 requests, the others plain."""
    rng = np.random.default_rng(seed)
    texts = [f"{a} {b.lower()} {c}" for a in WORDS for b in GENRES for c in ("tonight", *WORDS[:9])]
    lines = []
    for kind in rng.random(calls):
        history = [f"i{n}" for n in rng.integers(items, size=rng.integers(1, 51))]
        body: dict[str, Any] = {"history": history, "k": 10, "explain": explain}
        if kind < share:
            body["prompt"] = f"prompt-{rng.integers(prompts)}"
        elif kind < share + 0.1:
            body["request"] = texts[rng.integers(len(texts))]
        lines.append(json.dumps(body))
    file.write_text("\n".join(lines), encoding="utf-8")
    return file
