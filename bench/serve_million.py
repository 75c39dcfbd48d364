"""The engine over a million items, in a process of its own: encoding, the int8 index and exact scoring again.

Prints latencies of single calls (ms), recall@50 against exact search, and the most memory the process had (MiB).
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
import torch

from promptrec.index.choice import index_of, measured

WIDTH, TRAINED, CENTRES = 320, 64, 1_000  # of a sequence backbone's keys; of them what is learnt from behaviour
CALLS, K, SEEN = 1_000, 50, 50


def vectors(items: int, rng: np.random.Generator) -> np.ndarray:
    """Items around centres, as trained ones lie: a learnt part of length one, and a place in the content space."""
    centres = rng.standard_normal((CENTRES, WIDTH), dtype=np.float32)
    made = np.empty((items, WIDTH), dtype=np.float32)
    for start in range(0, items, 50_000):
        part = made[start : start + 50_000]
        part[:] = centres[rng.integers(CENTRES, size=len(part))]
        part += 0.7 * rng.standard_normal(part.shape, dtype=np.float32)
        for columns in (slice(0, TRAINED), slice(TRAINED, WIDTH)):
            part[:, columns] /= np.linalg.norm(part[:, columns], axis=1, keepdims=True)
    return made


def asked(items: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Queries near items; 30% have a prompt, which points at content, as in the traffic of `make bench-serve`."""
    made = items[rng.integers(len(items), size=count)].copy()
    made += 0.5 * rng.standard_normal(made.shape, dtype=np.float32) / WIDTH**0.5
    made[rng.random(count) > 0.3, TRAINED:] = 0
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def main(items: int, seed: int) -> dict[str, float]:
    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    everything = vectors(items, rng)
    index = index_of(everything, "int8")
    queries = asked(everything, CALLS, rng)
    waits = []
    for query in queries:
        seen = rng.integers(items, size=SEEN)
        began = time.perf_counter()
        index.search(query[None], K, [seen])
        waits.append((time.perf_counter() - began) * 1e3)
    recall = measured(index, queries[:200], K).recall
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    p50, p99 = np.percentile(waits, [50, 99])
    return {"items": items, "p50": float(p50), "p99": float(p99), "recall": recall, "mib": memory}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
