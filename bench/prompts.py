"""`make bench-prompts`: what prompts cost and what the ways to make them reach, on MovieLens-1M, seed 0.

    batch      the time of 1,000 queries with 1,000 different prompts over that with one prompt, in turns
    seconds    tuning on 512 examples
    search     for each of six scenarios: ten hand-written sentences and a search
    scenario   for each of them: tune, transfer and improve on the same examples, beside the search

Each part is a file in bench/work/prompts; what is there is not run again unless it is named, as in
`python bench/prompts.py batch seconds`; a name that is none writes the results of what is there.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from promptrec.prompt.prompt import Prompt
from promptrec.prompt.query import Query
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.tune.improve import improve
from promptrec.tune.search import search
from promptrec.tune.task import task_of
from promptrec.tune.transfer import transfer
from promptrec.tune.tune import tune
from promptrec.tune.validation import Questions
from promptrec.workspace import Workspace, write_json
from result import goal, results, rows_by
from workspaces import trained

WORK = Path("bench/work/prompts")
RESULT = Path("bench/results/prompts.json")
SENTENCES = json.loads(Path("bench/prompt_sentences.json").read_text(encoding="utf-8"))
SEED, QUERIES, REPEATS, EXAMPLES, TESTED = 0, 1_000, 7, 512, 3_000
BUDGET = 240.0  # seconds of an improve run
OUT_OF_REACH = 1.5  # a target that no prompt reaches: the loop ends when it finds nothing better

Part = dict[str, Any]


def main(asked: list[str]) -> None:
    parts: dict[str, Callable[[], Part]] = {"batch": batch, "seconds": seconds}
    for kind, run in (("search", searched), ("scenario", scenario)):
        parts |= {f"{kind}-{name}": partial(run, name) for name in SENTENCES}
    for name, run in parts.items():
        file = WORK / f"{name}.json"
        if name in asked or not (asked or file.exists()):
            write_json(file, {"part": name, **run()})
    kept = rows_by("part", RESULT)
    write_json(RESULT, document({name: read(name) or next(iter(kept.get(name, [])), None) for name in parts}))
    print(json.dumps(json.loads(RESULT.read_text())["goals"], indent=1))


def read(name: str) -> Part | None:
    file = WORK / f"{name}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def workspace() -> Workspace:
    """MovieLens-1M with a model trained on it."""
    return trained(Workspace(WORK / "workspace"), SEED, "fetch", "movielens-1m")


def batch() -> Part:
    """One prefix and shift against a thousand of them, the same histories, the two in turns."""
    recommender = Recommender.load(workspace().root)
    backbone, shape, split = recommender.backbone, recommender.backbone.prompt_shape, recommender.split
    rng = generator(SEED, "bench batch")
    people = rng.choice(split.training, QUERIES)
    histories = [split.histories.of(int(person)) for person in people]

    def drawn(number: int) -> Prompt:
        noise = torch.Generator().manual_seed(number)
        prefix = torch.randn(shape.layers, 2, shape.tokens, shape.width, generator=noise)
        shift = torch.randn(shape.shift, generator=noise)
        return Prompt(f"p{number}", "soft", "", backbone.fingerprint, {"prefix": prefix, "shift": shift})

    one = [drawn(0)] * QUERIES
    many = [drawn(number) for number in range(QUERIES)]
    times: dict[str, list[float]] = {"one": [], "many": []}
    for _ in range(REPEATS):
        for name, prompts in (("one", one), ("many", many)):
            queries = [Query(history=h, prompt=p) for h, p in zip(histories, prompts, strict=True)]
            began = time.perf_counter()
            backbone.score(queries)
            times[name].append(time.perf_counter() - began)
    return {"times": times, "ratio": float(np.median(times["many"]) / np.median(times["one"]))}


def seconds() -> Part:
    recommender = Recommender.load(workspace().root)
    began = time.perf_counter()
    prompt = tune(recommender, "seconds", "rating = 5", "films that people rate with five stars", SEED, limit=EXAMPLES)
    took = time.perf_counter() - began
    return {"seconds": took, "bytes": size(recommender, prompt), "test": prompt.card["test"]}


def searched(name: str) -> Part:
    """A search beside ten hand-written sentences, on test people."""
    recommender, questions = asked_in(name)
    about, where = SENTENCES[name], SENTENCES[name]["scenario"]

    def scored(prompt: Prompt | None) -> float:
        return float(questions.ndcg(prompt).mean())

    hand = {sentence: scored(recommender.requests.prompt(sentence)) for sentence in about["sentences"]}
    made = search(recommender, f"search-{name}", where, about["sentences"][0], SEED, limit=EXAMPLES)
    return {
        "backbone": recommender.backbone.fingerprint[:12],
        "hand": hand,
        "search": scored(made),
        "words": made.words,
        "bytes": size(recommender, made),
        "without": scored(None),
        "test_examples": len(questions),
    }


def scenario(name: str) -> Part:
    """The other ways, on the same examples as the search."""
    found = read(f"search-{name}")
    if found is None:
        found = {"part": f"search-{name}", **searched(name)}
        write_json(WORK / f"search-{name}.json", found)
    recommender, questions = asked_in(name)
    about, where = SENTENCES[name], SENTENCES[name]["scenario"]
    made = {"tune": tune(recommender, f"tune-{name}", where, about["sentences"][0], SEED, limit=EXAMPLES)}
    others = [other for other in recommender.library.names() if not other.endswith(f"-{name}")]
    if others:
        made["transfer"] = transfer(recommender, f"transfer-{name}", where, SEED, limit=EXAMPLES)
    made["improve"], _ = improve(
        recommender,
        workspace(),
        f"improve-{name}",
        OUT_OF_REACH,
        BUDGET,
        where,
        about["sentences"][0],
        SEED,
        limit=EXAMPLES,
    )
    ways = {way: float(questions.ndcg(prompt).mean()) for way, prompt in made.items()}
    return {
        "backbone": recommender.backbone.fingerprint[:12],
        "ways": {"search": found["search"], **ways},
        "bytes": max(size(recommender, prompt) for prompt in made.values()),
        "test_examples": len(questions),
    }


def asked_in(name: str) -> tuple[Recommender, Questions]:
    """The model, and up to 3,000 of a scenario's events of test people."""
    recommender = Recommender.load(workspace().root)
    test = task_of(recommender, SENTENCES[name]["scenario"], None, EXAMPLES, SEED).test
    drawn = generator(SEED, "bench test").permutation(len(test))[:TESTED]
    return recommender, Questions(recommender.backbone, test.take(np.sort(drawn)))


def size(recommender: Recommender, prompt: Prompt) -> int:
    return int(recommender.library.card(prompt.name, prompt.version)["bytes"])


def document(parts: dict[str, Part | None]) -> dict[str, Any]:
    found = [part for name, part in parts.items() if name.startswith("scenario-") and part]
    searches = [part for name, part in parts.items() if name.startswith("search-") and part]
    now = [part["search"] for part in searches]
    found = [part for part in found if part["ways"]["search"] in now]  # not those beside another search
    complete = len(found) == len(SENTENCES)
    ahead = sum(part["search"] > max(part["hand"].values()) for part in searches)
    reached = sum(
        part["ways"]["improve"] >= max(v for way, v in part["ways"].items() if way != "improve") for part in found
    )
    beaten = ahead if len(searches) == len(SENTENCES) else None
    sizes = [part["bytes"] for part in parts.values() if part and "bytes" in part]
    ratio = parts["batch"]["ratio"] if parts["batch"] else None
    took = parts["seconds"]["seconds"] if parts["seconds"] else None
    return results(
        "make bench-prompts",
        [SEED],
        [part for part in parts.values() if part],
        [
            goal("batch-1000", "1,000 prompts in a batch, times one prompt", 1.1, ratio, at_most=True),
            goal("prompt-bytes", "the largest prompt, bytes", 20_480, max(sizes, default=None), at_most=True),
            goal("tune-seconds", "tuning on 512 examples, seconds", 60.0, took, at_most=True),
            goal("search-beats-hand", "scenarios of six, a search ahead of ten sentences", 4, beaten),
            goal("improve-reaches", "scenarios of six, improve at the best way", 6, reached if complete else None),
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
