"""The goals of `make bench-serve`, from what its parts measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from result import goal


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Every goal, null where its part was not run."""

    def value(part: str, read: Callable[[Any], Any]) -> Any:
        return read(found[part]) if part in found else None

    shares = middle(value("throughput", lambda r: r["shares"]))
    once = middle(value("throughput", lambda r: r.get("fresh_shares")))
    note = "where no history comes twice {value:.3f} ({low:.3f} to {high:.3f})".format(**once) if once else ""
    ratio = value("prompts", lambda r: r["one"]["rps"] / r["thousand"]["rps"])

    def half(name: str) -> dict[str, float] | None:
        return middle(value("throughput", lambda r: [one[name] for one in r["half"]]))

    def most(name: str, text: str, target: float, found: Any) -> dict[str, Any]:
        return goal(name, text, target, found, at_most=True)

    return [
        goal("rps-share", "share of the empty endpoint's requests/s, 32 connections", 0.45, shares, note),
        most("p50", "ms at half of that load", 3.0, half("p50")),
        most("p99", "ms at half of that load", 12.0, half("p99")),
        million_goal(found.get("million")),
        most("prompts-1000", "time with 1,000 prompts, times that with one", 1.15, ratio),
        most("event-effect", "ms after the acknowledgement", 5.0, value("event-effect", lambda r: r["median_ms"])),
        most("swap", "failed or mixed answers", 0, value("swap", lambda r: r["failed"] + r["mixed"])),
        most("kill", "acknowledged events lost or there twice", 0, value("kill", lambda r: r["lost"] + r["twice"])),
        most("soak", "growth of memory after minute 2", 0.02, value("soak", lambda r: r["growth"])),
        most("postgres", "failing tests of a stopped and started server", 0, value("postgres", lambda r: r["failed"])),
        most("fuzz", "failing calls under schemathesis", 0, value("fuzz", lambda r: r["failed"])),
        most("start", "seconds from process start to ready", 3.0, value("start", lambda r: r["seconds"])),
    ]


def million_goal(found: dict[str, Any] | None) -> dict[str, Any]:
    """Met where latency, recall and memory all are; what was measured of the index alone meets nothing."""
    note, met = "", False
    if found is not None and "mib_at_most" in found:
        met = found["recall"] >= 0.99 and found["mib"] <= 2_048
        note = (
            f"recall@50 {found['recall']:.4f} (at least .99), {found['mib']:,.0f} MiB (at most 2,048), of a whole "
            f"service at {found['rate']:g} calls a second; {found['mib_at_most']:,.0f} MiB while it loads"
        )
    text = "p99 in ms over 1,000,000 items"
    return goal("million", text, 40.0, found and found["p99"], note, at_most=True, also=met)


def middle(turns: list[float] | None) -> dict[str, float] | None:
    """Of several turns the middle one, with the least and the most."""
    turns = sorted(turns or [])
    return {"value": turns[len(turns) // 2], "low": turns[0], "high": turns[-1]} if turns else None
