"""A whole service over a million items, as a process of its own, called through its API.

The workspace's files are those that training writes, with numbers that are drawn: items lie around centres, as trained
ones do, and the network is as it is before training. Prints latencies of calls (ms) at a fixed rate, recall@50 of the
answers against exact search, and the memory of the process after the load: all of it, its own, pages of files, and the
most it had while it loaded (MiB).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.numpy import save_file

from promptrec.backbone.content_space import ContentSpace
from promptrec.backbone.network import NetworkConfig, SequenceNetwork
from promptrec.backbone.request import RequestEncoder
from promptrec.backbone.request_network import RequestNetwork
from promptrec.backbone.sequence import SequenceBackbone
from promptrec.content.encoder import Vectors
from promptrec.content.items import vectors_file
from promptrec.content.kinds import load_text_encoder
from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.recommender import Recommender
from promptrec.seeding import generator
from promptrec.workspace import Workspace, new_backbone
from serve_world import GENRES, WORDS, traffic

CENTRES, FITTED = 1_000, 20_000
RATE = 20.0  # calls a second: one core looks through a million items fewer than a hundred times a second
K, ASKED = 50, 100
PROMPTS = 20
SPECS = {"text": "offline"}


def around_centres(items: int, width: int, rng: np.random.Generator) -> Vectors:
    """(items, width) of length one."""
    centres = rng.standard_normal((CENTRES, width), dtype=np.float32)
    made = np.empty((items, width), dtype=np.float32)
    for start in range(0, items, 50_000):
        part = made[start : start + 50_000]
        part[:] = centres[rng.integers(CENTRES, size=len(part))]
        part += 0.7 * rng.standard_normal(part.shape, dtype=np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return made


def dataset(items: int, rng: np.random.Generator) -> Dataset:
    kinds = rng.integers(len(GENRES), size=items)
    frame = pl.DataFrame(
        {
            "id": [f"i{n}" for n in range(items)],
            "title": [f"{WORDS[n % 10]} {GENRES[kind].lower()} number {n}" for n, kind in enumerate(kinds)],
            "genres": [[GENRES[kind]] for kind in kinds],
        }
    )
    rows = [
        (f"p{person}", f"i{item}", 1_000.0 * order, "view", None, 1.0, None)
        for person in range(2_000)
        for order, item in enumerate(rng.integers(items, size=50))
    ]
    events = pl.DataFrame(rows, schema=EVENT_COLUMNS, orient="row")
    return Dataset(events, frame, None, {"name": "bench-serve-million", "has_times": True})


def world(folder: Path, items: int, seed: int) -> Path:
    """Make it once; a folder that is complete is taken as it is."""
    place = Workspace(folder / "workspace")
    if (folder / "complete").exists():
        return place.root
    rng = generator(seed, "a million items")
    torch.manual_seed(seed)
    data = dataset(items, rng)
    data.save(place.dataset)
    encoder = load_text_encoder(SPECS)
    vectors = around_centres(items, encoder.width, rng)
    hashes = b"".join(hashlib.sha256(f"{encoder.name}\0{text}".encode()).digest() for text in data.catalogue.texts)
    hashed = np.frombuffer(hashes, dtype=np.uint8).reshape(-1, 32).copy()
    save_file({"hashes": hashed, "vectors": vectors}, vectors_file(place.dataset, SPECS["text"]))
    network = SequenceNetwork(NetworkConfig(items, encoder.width))
    network.item_id.weight.data.copy_(torch.from_numpy(around_centres(items, network.config.width, rng)))
    some = Dataset(data.events, data.items[:FITTED], None, data.manifest)
    space = ContentSpace.fit(some.catalogue, vectors[:FITTED])
    backbone = SequenceBackbone(network, space, data.catalogue.ids, data.catalogue, vectors)
    texts = backbone.encode_items()[:, network.config.width : network.config.width + space.directions.shape[1]]
    names, everyday = torch.zeros(1, len(space.facets), encoder.width), torch.zeros(1, encoder.width)
    heard = RequestNetwork(network.config.width, space, texts, torch.zeros(encoder.width), names, everyday)
    requests = RequestEncoder(heard, encoder, backbone)
    with new_backbone(place) as (_, staging):
        backbone.save(staging, {"encoders": SPECS, "seed": seed, "people_out": 0.0})
        requests.save(staging)
    recommender = Recommender.load(place.root)
    for n in range(PROMPTS):
        words = f"{WORDS[n % 10]} {GENRES[n // 10 % 10].lower()} {n}"
        recommender.library.save(recommender.requests.prompt(words, f"prompt-{n}"))
    (folder / "complete").touch()
    return place.root


def memory(pid: int) -> dict[str, float]:
    """MiB of a process, as the kernel counts them."""
    lines = (line.split(":") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kept = {name: value for name, value in lines if name in ("VmRSS", "RssAnon", "RssFile", "VmHWM")}
    return {name: int(value.split()[0]) / 2**10 for name, value in kept.items()}


def recall(workspace: Path, bodies: Path, answers: list[list[str]]) -> float:
    """The mean share of the exact best items that were answered."""
    recommender = Recommender.load(workspace, index="exact")
    shares = []
    for line, answered in zip(bodies.read_text().splitlines(), answers, strict=False):
        body: dict[str, Any] = json.loads(line)
        exact = recommender.recommend(body["history"], body.get("request"), body.get("prompt"), K, explain=False)
        shares.append(len({item.id for item in exact} & {*answered}) / K)
    return float(np.mean(shares))


def main(folder: Path, items: int, seconds: float, seed: int) -> dict[str, Any]:
    from serve import client, load, serving, warm

    folder.mkdir(parents=True, exist_ok=True)
    workspace = world(folder, items, seed)
    bodies = traffic(folder / "mixed.jsonl", items, seed)
    with serving(workspace) as (port, process):
        warm(port, bodies)
        before = memory(process.pid)
        measured = load(port, bodies, seconds, connections=8, rate=RATE)
        after = memory(process.pid)
        with client(port) as calls:
            answers = []
            for line in bodies.read_text().splitlines()[:ASKED]:
                found = calls.post("/v1/recommend", json={**json.loads(line), "k": K}).raise_for_status().json()
                answers.append([item["id"] for item in found["items"]])
    return {
        "items": items,
        **measured,
        "rate": RATE,
        "recall": recall(workspace, bodies, answers),
        "mib": after["VmRSS"],
        "mib_before": before["VmRSS"],
        "mib_own": after["RssAnon"],
        "mib_of_files": after["RssFile"],
        "mib_at_most": after["VmHWM"],
    }


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
