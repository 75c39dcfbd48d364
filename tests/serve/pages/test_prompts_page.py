from __future__ import annotations

import re

import pytest
from browsing import SCRIPT, Site, faults
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_words_are_seen_at_work_then_saved_then_rolled_back(page: Page) -> None:
    page.goto("/prompts")
    page.get_by_label("Seen through the eyes").fill("p1")
    page.get_by_label("What it should say").press_sequentially("comedy")
    expect(page.locator("#preview")).to_contain_text("With these words")
    expect(page.locator("#preview .plain-list").nth(1)).to_contain_text("Comedy film")
    page.locator("#name").fill("No Such Name")
    page.get_by_role("button", name="Save and activate").click()
    expect(page.get_by_role("alert")).to_contain_text("prompt name 'No Such Name'")
    expect(page.get_by_label("What it should say")).to_have_value("comedy")
    page.locator("#name").fill("evening")
    page.get_by_role("button", name="Save and activate").click()
    expect(page.get_by_role("heading", name="evening")).to_be_visible()
    page.goto("/prompts")
    page.get_by_label("What it should say").fill(SCRIPT)
    page.locator("#name").fill("evening")
    page.get_by_role("button", name="Save and activate").click()
    expect(page.get_by_role("heading", name="evening version 2")).to_be_visible()
    expect(page.locator("main > .words-of")).to_have_text(SCRIPT)
    page.get_by_role("button", name="Roll back to version 1").click()
    expect(page.locator(".timeline .active")).to_contain_text("version 1")
    page.get_by_role("link", name="See it at work").click()
    expect(page.locator("#column-1 .card").first).to_be_visible()


def test_what_is_typed_stands_in_the_address(page: Page) -> None:
    page.goto("/prompts")
    page.get_by_label("What it should say").press_sequentially("轻松的喜剧")
    page.locator("#tune-name").fill("loved")
    page.get_by_label("Scenario").fill("rating = 5")
    page.goto(page.evaluate("location.href"))
    expect(page.get_by_label("What it should say")).to_have_value("轻松的喜剧")
    expect(page.locator("#preview")).to_contain_text("With these words")
    expect(page.get_by_label("Scenario")).to_have_value("rating = 5")
    expect(page.locator("#tune-name")).to_have_value("loved")
    expect(page.locator("#name")).to_have_value("")
    page.goto("/quality")
    page.locator("#evaluate summary").click()
    page.locator("#evaluate-scenario").fill("rating = 4")
    page.locator("#protocol").select_option("scenario")
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#evaluate-scenario")).to_have_value("rating = 4")
    expect(page.locator("#protocol")).to_have_value("scenario")


def test_a_refused_form_has_an_address_too(page: Page) -> None:
    page.goto("/prompts")
    page.locator("#tune-name").fill("loved")
    page.get_by_label("Scenario").fill("rating = 77")
    page.get_by_role("button", name="Tune").click()
    expect(page.get_by_role("alert")).to_contain_text("matches none")
    expect(page).to_have_url(re.compile(r"/prompts\?tune\.name=loved&tune\.scenario=rating"))
    page.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#scenario")).to_have_value("rating = 77")


def test_a_written_prompt_says_what_it_lifts_and_sinks(page: Page) -> None:
    page.goto("/prompts/laughs")
    does = page.locator("#does")
    expect(does.get_by_role("heading", name="Lifts these kinds")).to_be_visible()
    expect(does.locator(".lifts").first).to_contain_text("genres: Comedy+")
    expect(does.get_by_role("heading", name="Sinks these items")).to_be_visible()
    assert faults(page) == []
    page.request.put("/v1/prompts/personal", data={"text": "{interests}"})
    page.goto("/prompts/personal")
    expect(does).to_contain_text("differs from person to person")


def test_tuning_shows_progress_survives_a_reload_and_gives_a_prompt(page: Page) -> None:
    page.goto("/prompts")
    page.locator("#tune-name").fill("loved")
    page.get_by_label("Scenario").fill("rating >")
    page.get_by_role("button", name="Tune", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("is not a valid SQL expression")
    expect(page.get_by_label("Scenario")).to_have_value("rating >")
    page.get_by_label("Scenario").fill("rating = 5")
    page.get_by_role("button", name="Tune", exact=True).click()
    expect(page.get_by_role("heading", name="Running")).to_be_visible()
    page.reload()
    expect(page.locator("progress")).to_be_visible()
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=60_000)
    assert faults(page) == []
    page.get_by_role("link", name="See the prompt").click()
    expect(page.get_by_role("heading", name="What it scores against no prompt")).to_be_visible()
    expect(page.get_by_role("heading", name="Lifts these items")).to_be_visible()
    assert faults(page) == []


def test_a_cancelled_tuning_ends_and_keeps_what_was_typed(page: Page, site: Site) -> None:
    page.goto("/prompts")
    page.locator("#tune-name").fill("given-up")
    page.get_by_label("Scenario").fill("rating = 3")
    page.get_by_role("button", name="Tune", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    expect(page.get_by_label("Scenario")).to_have_value("rating = 3")
    assert not (site.workspace / "prompts" / "given-up").exists()
    page.goto("/prompts")
    expect(page.locator("#tune")).to_contain_text(re.compile("given-up.*Cancelled"))
