"""A real server process over the small world, Debian's chromium, and what tests of pages share."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import polars as pl
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from promptrec.recommender import Recommender
from promptrec.report import evaluate
from promptrec.workspace import Workspace

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCRIPT = "<script>document.title='taken'</script>"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGM4EaUBRAwoFABVCwe9BhSxhgAAAABJRU5ErkJggg=="
)
LONG_ENGLISH = "A Comedy of Extraordinarily Long and Winding Titles: " + "Antidisestablishmentarianism" * 3
LONG_CHINESE = "一部名字长得让人读不完却又舍不得跳过的温暖轻松的周末家庭喜剧电影" * 3


@dataclass(frozen=True)
class Site:
    address: str
    workspace: Path
    process: subprocess.Popen[bytes]


@contextmanager
def serving(workspace: Path) -> Iterator[Site]:
    """`promptrec serve` as people run it, once it answers anything at all."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "promptrec"), "serve", "-w", str(workspace), "--port", str(port)]
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    httpx.get(f"{address}/health", trust_env=False, timeout=60)
                    break
                except httpx.TransportError:
                    time.sleep(0.05)
            yield Site(address, workspace, process)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, trained_service: Path) -> Iterator[Site]:
    """The small world with a report, long titles and a title that is a script; or the workspace that
    PROMPTREC_WORKSPACE names, for screenshots.
    """
    if place := os.environ.get("PROMPTREC_WORKSPACE"):
        with serving(Path(place)) as site:
            yield site
        return
    root = tmp_path_factory.mktemp("pages") / "workspace"
    shutil.copytree(trained_service, root)
    evaluate(Recommender.load(root), Workspace(root), baselines=("popularity", "item-knn"))
    cleaning = {"files": {"events": {"read": 901, "kept": 900}}, "rejected": {f"events: {SCRIPT}": {"count": 1}}}
    _add_pictures(root)
    (root / "dataset" / "cleaning.json").write_text(json.dumps(cleaning), encoding="utf-8")
    with serving(root) as site, httpx.Client(base_url=site.address, trust_env=False, timeout=60) as client:
        for id_, title in (("C3", SCRIPT), ("C4", LONG_ENGLISH), ("C5", LONG_CHINESE)):
            given = {"title": title, "attributes": {"genres": ["Comedy"]}}
            client.put(f"/v1/items/{id_}", json=given).raise_for_status()
        seen = [
            {"user_id": SCRIPT, "item_id": "C0", "kind": "view"},
            {"user_id": "gone", "item_id": "W1", "kind": "view"},
        ]
        client.post("/v1/events", json={"events": seen}).raise_for_status()
        yield site


def _add_pictures(root: Path) -> None:
    """C0 has a picture; C1's is lost, C2's lies outside the dataset, C6 names a file of another kind."""
    named = {"C0": "image/c0.png", "C1": "image/lost.png", "C2": "../secret.png", "C6": "manifest.json"}
    (root / "dataset" / "image").mkdir()
    for file in (root / "dataset" / "image" / "c0.png", root / "secret.png"):
        file.write_bytes(PICTURE)
    items = pl.read_parquet(root / "dataset" / "items.parquet")
    image = pl.Series("image", [named.get(id_) for id_ in items["id"]], dtype=pl.String)
    items.with_columns(image).write_parquet(root / "dataset" / "items.parquet")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a file: while it lives, playwright's event loop runs in this thread, and no other test can run its own."""
    if not CHROMIUM.exists() and "CI" not in os.environ:
        pytest.skip(f"there is no {CHROMIUM}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A desktop in English. A test fails where the browser complained of anything."""
    context = browser.new_context(base_url=site.address, viewport={"width": 1180, "height": 900}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if _odd(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@cache
def axe() -> str:
    """axe-core 4.10.3 as npm has it (vendor/axe.LICENSE)."""
    return (Path(__file__).parent / "pages" / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def faults(page: Page) -> list[str]:
    """What axe-core finds wrong with the page as it is, where it is serious or critical."""
    page.evaluate(axe())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    return [
        f"{one['impact']} {one['id']}: {node['html'][:150]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def settled(page: Page) -> None:
    """Wait until the page's own calls, such as those for the first reasons, are answered."""
    expect(page.locator(".htmx-request, details[open] .reasons > .hint")).to_have_count(0)


def overflow(page: Page) -> int:
    """How many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    return wider


def _odd(message: ConsoleMessage) -> bool:
    """A complaint, but not about a call that was answered with an error: the tests that provoke one check the page."""
    answered = ("Failed to load resource", "Response Status Error")
    return message.type == "error" and not message.text.startswith(answered)
