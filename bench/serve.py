"""`make bench-serve`: the service's goals, part by part, each kept in bench/work/serve and not measured again. Of parts
that were not measured on this machine the results keep what they said.

`--quick` takes a small world and a few seconds a part, to see that everything runs; its figures are not kept.
`--only PART` runs one part.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from promptrec.workspace import read_json, write_json
from result import results, rows_by
from serve_goals import goals
from serve_world import traffic, world

SEED = 0
TURNS = 3
MOST_RATE = 6_000  # calls a second, more than the service answers
PYTHON = sys.executable
PROMPTREC = str(Path(PYTHON).parent / "promptrec")
RESULTS = Path("bench/results/serve.json")


@dataclass(frozen=True)
class Bench:
    """folder: where parts are kept; seconds: of one measurement; items: of the catalogue."""

    folder: Path
    seconds: float
    items: int
    people: int
    rounds: int
    soak_seconds: float

    @property
    def workspace(self) -> Path:
        return world(self.folder, self.items, self.people, SEED)

    def bodies(self, name: str, **options: Any) -> Path:
        return traffic(self.folder / f"{name}.jsonl", self.items, SEED, **options)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def server(command: list[str], port: int, path: str = "/health") -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 120
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.01)
            yield process
        finally:
            process.kill()


@contextmanager
def serving(workspace: Path, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = free_port()
    command = [PROMPTREC, "serve", "-w", str(workspace), "--port", str(port), *options]
    with server(command, port) as process:
        yield port, process


def load(port: int, bodies: Path, seconds: float, connections: int = 32, rate: float = 0) -> dict[str, Any]:
    """Calls from a second process."""
    plan = {"port": port, "path": "/v1/recommend", "bodies": str(bodies), "seconds": seconds, "rate": rate}
    command = [PYTHON, "bench/serve_load.py", json.dumps({**plan, "connections": connections})]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def throughput(bench: Bench) -> dict[str, Any]:
    """Requests per second beside the empty endpoint, in turns; then latencies at half of that load, in as many turns.

    The 5,000 bodies come again and again, and the service remembers what it made of a history: `fresh` is the same
    traffic with as many bodies as a turn has calls, so that no history comes twice.
    """
    bodies, explained = bench.bodies("mixed"), bench.bodies("explained", explain=True)
    calls, place = int(MOST_RATE * bench.seconds), bench.folder
    new = [traffic(place / f"fresh-{n}.jsonl", bench.items, SEED + 1 + n, calls=calls) for n in range(TURNS)]
    port = free_port()
    command = [PYTHON, "bench/serve_empty.py", str(port)]
    empty, full, fresh = [], [], []
    with server(command, port, "/openapi.json"), serving(bench.workspace) as (own, _):
        for known in (bodies, *new):
            warm(own, known)
        for once in new:
            empty.append(load(port, bodies, bench.seconds))
            full.append(load(own, bodies, bench.seconds))
            fresh.append(load(own, once, bench.seconds))
        rate = statistics.median(one["rps"] for one in full) / 2
        half = [load(own, bodies, bench.seconds, rate=rate) for _ in range(TURNS)]
        reasons = load(own, explained, bench.seconds)
    shares, fresh_shares = (
        [ours["rps"] / theirs["rps"] for ours, theirs in zip(turns, empty, strict=True)] for turns in (full, fresh)
    )
    return {
        "empty": empty,
        "full": full,
        "fresh": fresh,
        "half": half,
        "explained": reasons,
        "shares": shares,
        "fresh_shares": fresh_shares,
    }


def warm(port: int, bodies: Path) -> None:
    """Let the service meet every request text once: encoding a new one takes longer than all else in a call."""
    lines = bodies.read_text().splitlines()
    texts = {body["request"]: body for line in lines if "request" in (body := json.loads(line))}
    rows = list(texts.values())
    with client(port) as calls:
        for first in range(0, len(rows), 50):
            calls.post("/v1/recommend/batch", json={"rows": rows[first : first + 50]}).raise_for_status()


def prompts(bench: Bench) -> dict[str, Any]:
    """The same traffic, every call with a prompt: always the same one, or one of a thousand."""
    with serving(bench.workspace) as (port, _):
        found = {}
        for name, count in (("warm", 1_000), ("one", 1), ("thousand", 1_000)):
            found[name] = load(port, bench.bodies(f"prompts-{count}", prompts=count, share=1.0), bench.seconds)
    return found


def event_effect(bench: Bench) -> dict[str, Any]:
    """From the acknowledgement of an event to the answer that knows it, in milliseconds."""
    waits, known = [], 0
    with serving(bench.workspace) as (port, _), client(port) as calls:
        for n in range(200):
            query = {"user_id": f"visitor-{n}", "k": 1, "explain": False}
            best = calls.post("/v1/recommend", json=query).json()["items"][0]["id"]
            event = {"user_id": f"visitor-{n}", "item_id": best, "kind": "view"}
            calls.post("/v1/events", json={"events": [event]}).raise_for_status()
            began = time.perf_counter()
            known += calls.post("/v1/recommend", json=query).json()["items"][0]["id"] != best
            waits.append((time.perf_counter() - began) * 1e3)
    return {"known": known, "of": len(waits), "median_ms": sorted(waits)[len(waits) // 2], "slowest_ms": max(waits)}


def swap(bench: Bench) -> dict[str, Any]:
    """Ten swaps between two backbones under load. An answer that neither of the two gives would be a mix of them."""
    workspace = bench.workspace
    pointer = workspace / "backbone" / "current"
    if not (workspace / "backbone" / "2").exists():
        command = [PROMPTREC, "train", "-w", str(workspace), "--seed", "1"]
        subprocess.run(command, check=True, capture_output=True)
    query = {"history": [f"i{n}" for n in range(30)], "request": "dark war tonight", "k": 10, "explain": False}
    expected: dict[int, list[str]] = {}
    seen: list[list[str]] = []
    failed = 0
    done = threading.Event()

    def call(port: int) -> None:
        nonlocal failed
        with client(port) as calls:
            while not done.is_set():
                answer = calls.post("/v1/recommend", json=query)
                if answer.status_code == 200 and not answer.json()["fallback"]:
                    seen.append([item["id"] for item in answer.json()["items"]])
                else:
                    failed += 1

    with serving(workspace) as (port, _), client(port) as calls:
        for version in (1, 2):
            publish(pointer, version, calls)
            items = calls.post("/v1/recommend", json=query).json()["items"]
            expected[version] = [item["id"] for item in items]
        threads = [threading.Thread(target=call, args=(port,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for n in range(bench.rounds):
            publish(pointer, 1 + n % 2, calls)
        done.set()
        for thread in threads:
            thread.join()
        publish(pointer, 1, calls)
    mixed = sum(one not in expected.values() for one in seen)
    return {"answers": len(seen), "failed": failed, "mixed": mixed, "differ": expected[1] != expected[2]}


def publish(pointer: Path, version: int, calls: httpx.Client) -> None:
    write_json(pointer, {"schema_version": 1, "version": version})
    deadline = time.monotonic() + 60
    while not calls.get("/ready").json()["release"].startswith(f"{version}.") and time.monotonic() < deadline:
        time.sleep(0.05)


def kill(bench: Bench) -> dict[str, Any]:
    """kill -9 in the middle of events from 8 clients; what was acknowledged must be there, once."""
    lost = twice = total = 0
    for turn in range(bench.rounds):
        acknowledged: list[str] = []
        user = f"killed-{turn}-{time.time_ns()}"
        with serving(bench.workspace) as (port, process):
            senders = [threading.Thread(target=send, args=(port, user, n, acknowledged)) for n in range(8)]
            for sender in senders:
                sender.start()
            time.sleep(0.3 + 0.2 * turn)
            process.send_signal(signal.SIGKILL)
            for sender in senders:
                sender.join()
        kept: list[str] = []
        cursor = 0
        with serving(bench.workspace) as (port, _), client(port) as calls:
            while page := calls.get(f"/v1/users/{user}", params={"cursor": cursor, "limit": 10_000}).json():
                if not page["events"]:
                    break
                kept += [event["event_id"] for event in page["events"]]
                cursor = page["cursor"]
        total += len(acknowledged)
        lost += len(set(acknowledged) - set(kept))
        twice += len(kept) - len(set(kept))
    return {"kills": bench.rounds, "acknowledged": total, "lost": lost, "twice": twice}


def send(port: int, user: str, number: int, acknowledged: list[str]) -> None:
    """One of eight clients: 6,250 events, 25 a call."""
    with client(port) as calls:
        for n in range(250):
            own = [f"{user}-{number}-{n}-{i}" for i in range(25)]
            events = [{"event_id": id_, "user_id": user, "item_id": "i0", "kind": "view"} for id_ in own]
            try:
                if calls.post("/v1/events", json={"events": events}).status_code == 200:
                    acknowledged += own
            except httpx.TransportError:
                return


def soak(bench: Bench) -> dict[str, Any]:
    """Memory after a fifth of the time (minute 2 of 10) and at the end, at 200 requests/s."""
    bodies = bench.bodies("mixed")
    with serving(bench.workspace) as (port, process):
        load(port, bodies, bench.soak_seconds / 5, rate=200)
        before = resident(process.pid)
        last = load(port, bodies, bench.soak_seconds * 4 / 5, rate=200)
        after = resident(process.pid)
    return {"mib_before": before, "mib_after": after, "growth": after / before - 1, "failed": last["failed"]}


def resident(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def start(bench: Bench) -> dict[str, Any]:
    """From the start of the process to the first ready answer over MovieLens-100K, in seconds: the median of five."""
    workspace = bench.workspace if bench.items < 1_000 else bench.folder / "movielens-100k"
    if not (workspace / "backbone" / "current").exists():
        for verb in (["data", "fetch", "movielens-100k"], ["train"]):
            subprocess.run([PROMPTREC, *verb, "-w", str(workspace)], check=True, capture_output=True)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        with serving(workspace) as (port, _), client(port) as calls:
            calls.get("/ready").raise_for_status()
            times.append(time.perf_counter() - began)
    return {"seconds": sorted(times)[2], "fastest": min(times), "slowest": max(times)}


def million(bench: Bench) -> dict[str, Any]:
    """A whole service over 1,000,000 items."""
    items, folder = 100 * bench.items, bench.folder / "million"
    command = [PYTHON, "bench/serve_million.py", str(folder), str(items), str(bench.seconds), str(SEED)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def tests(*names: str) -> Callable[[Bench], dict[str, Any]]:
    """Parts that the test suite measures: 0 is that they hold."""

    def run(_: Bench) -> dict[str, Any]:
        done = subprocess.run([PYTHON, "-m", "pytest", "-q", *names], capture_output=True, text=True)
        return {"failed": done.returncode, "tests": list(names)}

    return run


@contextmanager
def client(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as calls:
        yield calls


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "start": start,
    "throughput": throughput,
    "million": million,
    "prompts": prompts,
    "event-effect": event_effect,
    "swap": swap,
    "kill": kill,
    "soak": soak,
    "postgres": tests("tests/serve/api/test_operations_api.py", "tests/serve/test_client.py"),
    "fuzz": tests("tests/serve/test_fuzz.py"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--results-only", action="store_true", help="write what there is, measure nothing")
    arguments = parser.parse_args()
    bench = Bench(Path("bench/work/serve"), 20.0, 10_000, 2_000, 10, 600.0)
    if arguments.quick:
        bench = Bench(Path("bench/work/serve-quick"), 2.0, 300, 100, 2, 10.0)
    bench.folder.mkdir(parents=True, exist_ok=True)
    for name, part in PARTS.items():
        file = bench.folder / f"{name}.json"
        if arguments.results_only or (arguments.only and name != arguments.only):
            continue
        if arguments.quick or not file.exists():
            write_json(file, part(bench))
            print(name, file.read_text(encoding="utf-8"), flush=True)
    if not arguments.quick:
        found = {name: rows[0] for name, rows in rows_by("part", RESULTS).items()}
        files = {name: bench.folder / f"{name}.json" for name in PARTS}
        found |= {name: {"part": name, **read_json(file, "part")} for name, file in files.items() if file.exists()}
        write_json(
            RESULTS, results("make bench-serve", [SEED], [found[name] for name in PARTS if name in found], goals(found))
        )


if __name__ == "__main__":
    main()
