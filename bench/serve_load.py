"""The load of `make bench-serve`: a process of its own that speaks HTTP over raw connections, to cost little."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop


def main(plan: dict[str, Any]) -> dict[str, Any]:
    """plan: port, path, bodies (a file of one JSON body a line), connections, seconds, rate (requests/s, 0: as fast as
    the answers come). Returns what was measured; latencies in milliseconds."""
    bodies = Path(plan["bodies"]).read_bytes().splitlines()
    head = f"POST {plan['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    return uvloop.run(run(plan, requests))


async def run(plan: dict[str, Any], requests: list[bytes]) -> dict[str, Any]:
    latencies: list[float] = []
    failed: list[str] = []
    began = time.perf_counter()
    ends, rate, connections = began + plan["seconds"], plan["rate"], plan["connections"]

    async def caller(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", plan["port"])
        turn = number
        while True:
            # At a fixed rate a call's latency counts from when it was due, so that a stall is not left out.
            due = began + turn / rate if rate else time.perf_counter()
            if max(due, time.perf_counter()) >= ends:
                break
            if rate and (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            writer.write(requests[turn % len(requests)])
            status = await answer(reader)
            latencies.append(time.perf_counter() - due)
            if status != 200:
                failed.append(str(status))
            turn += connections
        writer.close()

    await asyncio.gather(*(caller(number) for number in range(connections)))
    seconds = time.perf_counter() - began
    milliseconds = np.array(latencies or [float("nan")]) * 1e3
    return {
        "rps": len(latencies) / seconds,
        "p50": float(np.percentile(milliseconds, 50)),
        "p99": float(np.percentile(milliseconds, 99)),
        "requests": len(latencies),
        "failed": len(failed),
    }


async def answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
