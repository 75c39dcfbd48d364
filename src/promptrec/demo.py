"""`demo`: the whole path on MovieLens-100K, read straight down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from promptrec.content.cache import encode_cached
from promptrec.content.encoders.offline import OfflineTextEncoder
from promptrec.data.sources import fetch
from promptrec.progress import say
from promptrec.report import Request, evaluate
from promptrec.training import train
from promptrec.tune.tune import tune
from promptrec.workspace import Workspace

REQUESTS: list[Request] = [
    ("a light comedy for the weekend", "en", "Comedy"),
    ("轻松的喜剧，适合周末看", "zh", "Comedy"),
]
SPACE_FILMS = ["50", "172", "181"]  # Star Wars, The Empire Strikes Back, Return of the Jedi


def demo(workspace: Workspace, seed: int = 0) -> dict[str, Any]:
    """Steps 1 to 6: fetch, encode, train, request, tune, evaluate. Returns the report."""
    seconds: dict[str, float] = {}
    with _step("1 fetch and clean", seconds):
        dataset = fetch("movielens-100k", workspace)
    with _step("2 encode", seconds):
        vectors = workspace.dataset / "vectors.safetensors"
        encode_cached(dataset.catalogue.texts, OfflineTextEncoder(), vectors)
    with _step("3 train", seconds):
        recommender = train(workspace, seed=seed)
    with _step("4 request", seconds):
        for request in (None, *(text for text, _, _ in REQUESTS)):
            say(f"\n{request or 'no request'}")
            for item in recommender.recommend(history=SPACE_FILMS, request=request, k=5):
                say(f"  {item.score:.3f}  {item.title}  ({'; '.join(item.reasons)})")
    with _step("5 tune", seconds):
        prompt = tune(recommender, "five-stars", "rating = 5", "films that people rate with five stars", seed)
        say("on people kept out of training:")
        for metric, found in prompt.card["test"].items():
            gain = "{value:+.4f} ({low:+.4f} to {high:+.4f})".format(**found["difference"])
            say(f"  {metric:12} {found['without']['value']:.4f} without, {found['with']['value']:.4f} with: {gain}")
    with _step("6 evaluate", seconds):
        report, folder = evaluate(recommender, workspace, "five-stars", seed, REQUESTS, seconds)
    for model in report["models"]:
        say(f"  {model['name']:28} NDCG@10 {model['metrics']['ndcg@10']['value']:.4f}")
    for asked in report["requests"]:
        shares = f"{asked['share_without']:.2f} without, {asked['share_with']:.2f} with"
        say(f"  {asked['text']}: share of {asked['attribute']} in the top ten {shares}")
    say(f"report: {folder / 'report.html'}")
    return report


@contextmanager
def _step(name: str, seconds: dict[str, float]) -> Iterator[None]:
    say(f"\n== {name}")
    started = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - started, 1)
