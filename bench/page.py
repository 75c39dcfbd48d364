"""`make bench-page`: how fast, how heavy and how accessible the page is, in Debian's chromium, over MovieLens-100K.

python bench/page.py WORKSPACE     a trained workspace; without one, it is trained into bench/work/page
"""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from promptrec.demo import demo
from promptrec.workspace import Workspace, write_json

sys.path.insert(0, "tests/serve")
from browsing import CHROMIUM, FLAGS, faults

from result import goal, results

RESULTS = Path("bench/results/page.json")
WORK = Path("bench/work/page")
TIMES = 15
WIDTHS = (360, 1180)
TRY = "/?h=50&h=172&h=181&request=a+light+comedy+for+the+weekend"
VIEWS = (
    "/",
    TRY,
    "/prompts",
    "/prompts/five-stars",
    "/data",
    "/data/items/50",
    "/data/people/196",
    "/quality",
    "/service",
    "/docs",
)
_PAINT = """() => new Promise(done => new PerformanceObserver(list => {
  for (const paint of list.getEntriesByName('first-contentful-paint')) done(paint.startTime);
}).observe({type: 'paint', buffered: true}))"""
_READY = "performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"
_MOVED = """() => new Promise(done => {
  const began = performance.now();
  document.addEventListener('htmx:afterSettle', event => {
    if (event.detail.target.id === 'page') requestAnimationFrame(() => done(performance.now() - began));
  });
  document.querySelector("#column-0 button[name=like]").click();
})"""


def main(place: Path) -> None:
    """Measure and write bench/results/page.json."""
    if not (place / "backbone" / "current").exists():
        demo(Workspace(place), 0)
    with serving(place) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        paints = [first_paint(browser, address) for _ in range(TIMES)]
        moves = [refresh(browser, address) for _ in range(TIMES)]
        size = weight(browser, address)
        wrong = [
            fault
            for language in ("en-GB", "zh-CN")
            for width in WIDTHS
            for fault in all_faults(browser, address, language, width)
        ]
        version = browser.version
        browser.close()
    rows = [{"first_paint_ms": paint, "refresh_ms": move} for paint, move in zip(paints, moves, strict=True)]
    goals = [
        goal(
            "first-paint",
            "the Try view is painted and usable, ms, the slowest call",
            1000,
            *slowest(paints),
            at_most=True,
        ),
        goal(
            "refresh",
            "a like moves the lists, ms, from click to frame, the slowest call",
            150,
            *slowest(moves),
            at_most=True,
        ),
        goal("weight", "KB without pictures, not compressed", 200, size / 1000, at_most=True),
        goal(
            "axe",
            "serious or critical faults, all views, both languages, phone and desktop",
            0,
            len(wrong),
            at_most=True,
        ),
    ]
    write_json(
        RESULTS,
        results("make bench-page", [0], rows, goals, chromium=version, faults=wrong),
    )
    for one in goals:
        print(f"{one['id']}: {one['value']:.1f} (at most {one['target']}) {'met' if one['met'] else 'missed'}")


@contextmanager
def serving(place: Path) -> Iterator[str]:
    """The address of a service that has answered once; what its start takes is `make bench-serve`'s to say."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).parent / "promptrec"), "serve", "-w", str(place), "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    httpx.get(f"{address}{TRY}", trust_env=False, timeout=60)
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield address
        finally:
            process.kill()


def first_paint(browser: Browser, address: str) -> float:
    """Milliseconds until the lists are painted and the page's controls work, nothing cached by the browser."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + TRY)
    page.locator("#column-1 .card").nth(9).wait_for()
    found = max(page.evaluate(_PAINT), page.evaluate(_READY))
    context.close()
    return round(float(found), 1)


def refresh(browser: Browser, address: str) -> float:
    """Milliseconds from the click on a like to the frame that shows the new lists."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(address + TRY)
    page.wait_for_load_state("networkidle")
    found = page.evaluate(_MOVED)
    context.close()
    return round(float(found), 1)


def weight(browser: Browser, address: str) -> int:
    """Bytes of everything that the Try view loads, its first reasons included."""
    context = browser.new_context()
    page = context.new_page()
    sizes: list[int] = []
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(address + TRY)
    page.wait_for_load_state("networkidle")
    context.close()
    return sum(sizes)


def all_faults(browser: Browser, address: str, language: str, width: int) -> list[str]:
    context = browser.new_context(locale=language, viewport={"width": width, "height": 900})
    page = context.new_page()
    found = []
    for view in VIEWS:
        page.goto(address + view)
        page.wait_for_load_state("load")
        found += [f"{view}, {language}, {width}: {fault}" for fault in faults(page)]
    context.close()
    return found


def slowest(values: list[float]) -> tuple[dict[str, float], str]:
    """The slowest call with the fastest and itself, and a note of the others."""
    found = {"value": max(values), "low": min(values), "high": max(values)}
    return found, f"median {statistics.median(values)} of {len(values)}"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else WORK)
