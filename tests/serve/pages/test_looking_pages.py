"""The Data, Quality and Service views."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_data_leads_to_an_item_and_to_what_goes_with_it(page: Page) -> None:
    page.goto("/data")
    expect(page.get_by_role("heading", name="Data: small-world")).to_be_visible()
    expect(page.locator("#page")).to_contain_text(re.compile("Cold people"))
    page.get_by_label("Look into").press_sequentially("romance film number 7")
    page.locator("#found").get_by_role("link", name="Romance film number 7").click()
    expect(page.get_by_role("heading", name="Most alike")).to_be_visible()
    expect(page.locator(".lifts").nth(1)).to_contain_text("Romance")
    page.get_by_role("link", name="See what goes with it").click()
    expect(page.locator("#column-0 .card").first).to_contain_text("Romance")


def test_quality_shows_each_metric_with_its_meaning(page: Page) -> None:
    page.goto("/quality")
    expect(page.locator("#models")).to_contain_text("item-knn")
    page.get_by_label("Metric").select_option("coverage@10")
    expect(page).to_have_url(re.compile("metric=coverage"))
    expect(page.get_by_role("heading", name="coverage@10")).to_be_visible()
    expect(page.locator("#models")).to_contain_text("the share of the catalogue", ignore_case=True)


def test_service_counts_and_erases_a_person(page: Page) -> None:
    page.goto("/?h=W1")
    page.goto("/data/people/gone")
    expect(page.get_by_role("list").filter(has_text="live events")).to_contain_text("1")
    page.get_by_role("link", name="Erase").click()
    expect(page.get_by_role("heading", name="Latency by stage")).to_be_visible()
    expect(page.locator("#live table")).to_contain_text("Total")
    expect(page.get_by_label("The person’s id")).to_have_value("gone")
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("status")).to_contain_text("Person gone is erased: 1 live events")
    page.goto("/data/people/gone")
    expect(page.get_by_text("Nothing is kept of this person")).to_be_visible()
