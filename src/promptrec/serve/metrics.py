"""What the service counts, for Prometheus."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY

SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
STAGES = Histogram(
    "promptrec_stage_seconds",
    "Time in each stage of a recommendation: history, request (its encoding), queue, model (a whole round), total.",
    ["stage"],
    buckets=SECONDS,
)
HISTORY, REQUEST, QUEUE, MODEL, TOTAL = map(STAGES.labels, ("history", "request", "queue", "model", "total"))
BATCH_SIZE = Histogram(
    "promptrec_batch_queries", "Queries that were encoded together.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 512, 2048)
)
CACHE = Counter("promptrec_cache_total", "Look-ups in a cache.", ["cache", "result"])
COLD = Counter("promptrec_cold_total", "Recommendations after fewer than three known events.")
FALLBACKS = Counter("promptrec_fallbacks_total", "Answers of popular items because the model failed.")
REQUESTS = Counter("promptrec_http_requests_total", "Answered HTTP requests.", ["method", "status"])
EVENTS = Counter("promptrec_events_total", "Events by what became of them.", ["result"])
REJECTED = Counter("promptrec_rejected_releases_total", "Releases that failed their self-test; the old one went on.")
BACKBONE = Gauge("promptrec_backbone_version", "The version of the backbone in use.", multiprocess_mode="mostrecent")
PROMPTS = Gauge(
    "promptrec_prompt_version",
    "The version that each prompt's name resolves to.",
    ["name"],
    multiprocess_mode="mostrecent",
)
INDEX_RECALL = Gauge(
    "promptrec_index_recall", "Measured recall@50 of the item index against exact search.", multiprocess_mode="min"
)


def exposition() -> bytes:
    """Everything counted, in Prometheus' text format; over all workers where there are several."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
