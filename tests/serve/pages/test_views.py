"""Every view in both languages, on a phone in the dark and on a desktop in the light."""

from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest
from browsing import Site, faults, overflow, settled
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser
VIEWS = {
    "start": "/",
    "try": "/?h=C0&h=C1&h=C4&h=C5&request=%E8%BD%BB%E6%9D%BE%E7%9A%84%E5%96%9C%E5%89%A7",
    "three": "/?u=p1&request=comedy&c=plain&c=words&c=p.laughs&w=80&d=30&x=W1",
    "mix": "/?u=p1&request=comedy&c=p.laughs&c=w.laughs:30,wars:80&w=80&d=30&x=W1",
    "prompts": "/prompts",
    "prompt": "/prompts/laughs",
    "data": "/data?q=comedy",
    "item": "/data/items/C5",
    "person": "/data/people/p1",
    "quality": "/quality",
    "service": "/service?erase=p1",
    "absent": "/data/items/nowhere",
    "docs": "/docs",
}
SIZES = {"phone": (360, 740, "dark"), "desktop": (1180, 900, "light")}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_views_fit_and_have_no_fault(browser: Browser, site: Site, language: str, size: str) -> None:
    width, height, scheme = SIZES[size]
    context = browser.new_context(
        base_url=site.address,
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale={"en": "en-GB", "zh": "zh-CN"}[language],
    )
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    found: dict[str, list[str]] = {}
    for name, path in VIEWS.items():
        page.goto(path)
        settled(page)
        assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-Hans"}[language]
        wider = overflow(page)
        wrong = [*faults(page), *([f"{wider} pixels too wide"] if wider > 0 else [])]
        if wrong:
            found[name] = wrong
    context.close()
    assert found == {}
    assert errors == []


def test_the_language_is_switched_and_kept(page: Page) -> None:
    page.goto("/?h=C0")
    page.get_by_role("link", name="中文").click()
    expect(page.get_by_role("button", name="推荐")).to_be_visible()
    assert "h=C0" in page.url
    expect(page.locator("#column-0 .reasons li").first).to_contain_text("因为您喜欢")
    page.get_by_role("link", name="数据").click()
    expect(page.get_by_role("heading", name="长尾")).to_be_visible()
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="The long tail")).to_be_visible()


def follow(site: Site, prompt: str) -> None:
    """Recommend to people of MovieLens-100K without and with a prompt, and let some of them follow."""
    with httpx.Client(base_url=site.address, trust_env=False, timeout=60) as client:
        for named, every in ((None, 6), (prompt, 4)):
            for n in range(1, 121):
                asked = {"user_id": str(n), "k": 10, "explain": False, "prompt": named}
                found = client.post("/v1/recommend", json=asked).raise_for_status().json()
                if n % every == 0:
                    seen = {"user_id": f"visitor-{n}", "item_id": found["items"][0]["id"], "kind": "view"}
                    events = [{**seen, "recommendation_id": found["recommendation_id"]}]
                    client.post("/v1/events", json={"events": events}).raise_for_status()


def test_screenshots(browser: Browser, site: Site, tmp_path: Path) -> None:
    """The pictures of README and docs: PROMPTREC_SCREENSHOT names the first, the others lie beside it."""
    first = Path(os.environ.get("PROMPTREC_SCREENSHOT", tmp_path / "page.png"))
    words, history = (
        "轻松的喜剧，适合周末看",
        "h=50&h=172&h=181" if "PROMPTREC_WORKSPACE" in os.environ else "h=W1&h=W2",
    )
    prompt = "five-stars" if "PROMPTREC_WORKSPACE" in os.environ else "laughs"
    if "PROMPTREC_WORKSPACE" in os.environ:
        httpx.put(f"{site.address}/v1/prompts/weekend", json={"text": "a light comedy"}, trust_env=False)
        follow(site, prompt)
    mixed = "p.five-stars:40,weekend:60" if "PROMPTREC_WORKSPACE" in os.environ else "p.laughs:40,wars:60"
    pictures = {
        first.name: (f"/?{history}&request={words}", 1180, 900, "light", "en-GB"),
        "page-zh.png": (f"/?{history}&request={words}&c=plain&c=words&c=p.{prompt}", 1280, 900, "light", "zh-CN"),
        "page-mix.png": (f"/?{history}&c=plain&c={mixed}", 1180, 900, "dark", "en-GB"),
        "page-phone.png": (f"/?{history}&request={words}", 390, 844, "dark", "en-GB"),
        "page-prompt.png": (f"/prompts/{prompt}", 1180, 900, "light", "en-GB"),
        "page-data.png": ("/data", 1180, 900, "light", "en-GB"),
        "page-quality.png": ("/quality", 1180, 900, "light", "en-GB"),
        "page-service.png": ("/service", 1180, 900, "light", "en-GB"),
    }
    for name, (path, width, height, scheme, locale) in pictures.items():
        context = browser.new_context(
            base_url=site.address,
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=locale,
        )
        page = context.new_page()
        page.goto(path)
        settled(page)
        page.screenshot(path=first.with_name(name))
        assert first.with_name(name).stat().st_size > 10_000
        context.close()
