from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists() and "CI" not in os.environ, reason=f"there is no {CHROMIUM}"),
]


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1180, "height": 900})
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        browser.close()
    assert complaints == []


def test_search_add_ask_and_compare(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.get_by_role("heading", name="Begin with")).to_be_visible()
    for typed, title in (("star", "Star Wars"), ("jedi", "Return of the Jedi")):
        page.get_by_label("Things you liked").press_sequentially(typed)
        expect(page.locator("#found").get_by_role("link", name=title)).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("list", name="Your history")).to_contain_text(title)
        expect(page.get_by_label("Things you liked")).to_be_focused()
    expect(page.locator("#without .card")).to_have_count(10)
    expect(page.locator("#without")).not_to_contain_text("nan")
    page.get_by_label("What you want now").fill("轻松的喜剧，适合周末看")
    page.keyboard.press("Enter")
    expect(page.locator("#with .card")).to_have_count(10)
    expect(page.locator("#with .card").first).to_contain_text("Amélie")
    expect(page.locator("#with .card").first).to_contain_text("Comedy · Romance")
    expect(page.locator("#with .card").first).to_contain_text("because of Return of the Jedi")
    expect(page.locator("#with .card").first).to_contain_text("▲ up from 3")
    assert "h=50%2C181" in page.url
    page.reload()
    expect(page.locator("#with .card")).to_have_count(10)
    page.get_by_role("link", name="Remove Star Wars").click()
    expect(page.get_by_role("list", name="Your history")).not_to_contain_text("Star Wars")
    expect(page.locator("#with .card")).to_have_count(10)
    page.go_back()
    expect(page.get_by_role("list", name="Your history")).to_contain_text("Star Wars")


def test_script_tags_stay_text(page: Page, address: str) -> None:
    page.goto(f"{address}/?h=evil/1&request=<script>document.title='taken'</script>")
    expect(page.get_by_role("heading", name="document.title='taken'")).to_be_visible()
    assert page.title() == "promptrec"


def test_a_phone_in_the_dark(page: Page, address: str, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/?h=50,181&request=comedy")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.screenshot(path=os.environ.get("PROMPTREC_SCREENSHOT_PHONE", str(tmp_path / "phone.png")), full_page=True)


def test_screenshot(page: Page, address: str, tmp_path: Path) -> None:
    page.goto(f"{address}/?h=50,172,181&request=轻松的喜剧，适合周末看")
    expect(page.locator("#with .card").first).to_be_visible()
    page.screenshot(path=os.environ.get("PROMPTREC_SCREENSHOT", str(tmp_path / "page.png")))
