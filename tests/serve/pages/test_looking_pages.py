"""The Data, Quality and Service views."""

from __future__ import annotations

import re

import httpx
import pytest
from browsing import Site, faults
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


def test_an_evaluation_runs_beside_the_service_survives_a_reload_and_is_shown(page: Page, site: Site) -> None:
    before = {file.name for file in (site.workspace / "runs").iterdir()}
    page.goto("/quality")
    page.get_by_text("Run a new evaluation").click()
    page.get_by_label("What is asked").select_option("a scenario")
    page.get_by_label("Also with a prompt").select_option("laughs")
    page.get_by_label("The scenario’s events").fill("rating >")
    page.get_by_role("button", name="Evaluate").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a valid SQL expression")
    expect(page.get_by_label("The scenario’s events")).to_have_value("rating >")
    expect(page.get_by_label("Also with a prompt")).to_have_value("laughs")
    page.get_by_label("What is asked").select_option("what the model was trained for")
    page.get_by_label("The scenario’s events").fill("")
    page.get_by_role("button", name="Evaluate").click()
    expect(page.get_by_role("heading", name="Running")).to_be_visible()
    page.reload()
    expect(page.locator("progress")).to_be_visible()
    with httpx.Client(base_url=site.address, trust_env=False, timeout=60) as client:
        assert client.post("/v1/recommend", json={"history": ["W1"], "prompt": "wars"}).status_code == 200
    page.goto("/quality")
    page.locator("#evaluate").get_by_role("link", name="laughs").first.click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible(timeout=120_000)
    assert faults(page) == []
    page.get_by_role("link", name="See the report").click()
    made = {file.name for file in (site.workspace / "runs").iterdir()} - before
    expect(page).to_have_url(re.compile("run=" + made.pop()))
    expect(page.locator("#models")).to_contain_text("with a prompt")


def test_a_cancelled_evaluation_ends_and_a_second_one_waits(page: Page, site: Site) -> None:
    before = len(list((site.workspace / "runs").iterdir()))
    page.goto("/quality#evaluate")
    page.get_by_text("Run a new evaluation").click()
    page.get_by_label("Compared with").select_option("all")
    page.get_by_role("button", name="Evaluate").click()
    job = page.url
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    answer = page.request.post("/evaluations", form={}, headers={"accept": "text/html"})
    assert answer.status == 422
    assert "an evaluation runs already" in answer.text()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    expect(page.get_by_label("Compared with")).to_have_value("all")
    page.goto(job)
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    assert len(list((site.workspace / "runs").iterdir())) == before


def test_service_counts_and_erases_a_person(page: Page) -> None:
    page.goto("/?h=W1")
    page.goto("/data/people/gone")
    expect(page.get_by_role("list").filter(has_text="live events")).to_contain_text("1")
    page.get_by_role("link", name="Erase").click()
    expect(page.get_by_role("heading", name="Latency by stage")).to_be_visible()
    expect(page.locator("#live").get_by_role("rowheader", name="Total")).to_be_visible()
    expect(page.get_by_label("The person’s id")).to_have_value("gone")
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("status")).to_contain_text("Person gone is erased: 1 live events")
    page.goto("/data/people/gone")
    expect(page.get_by_text("Nothing is kept of this person")).to_be_visible()


def test_service_shows_what_people_follow_by_prompt(page: Page, site: Site) -> None:
    page.goto("/service")
    with httpx.Client(base_url=site.address, trust_env=False, timeout=60) as client:

        def shown(**query: object) -> str:
            answer = client.post("/v1/recommend", json={"history": ["W1"], **query})
            return str(answer.raise_for_status().json()["recommendation_id"])

        ids = [shown(prompt="laughs") for _ in range(4)]
        mixed = [{"name": "wars", "weight": 2}, {"name": "laughs", "weight": 1}]
        rows = [{"history": [], "request": "war"}, {"history": ["W1"]}, {"history": ["W1"], "prompt": mixed}]
        client.post("/v1/recommend/batch", json={"rows": rows}).raise_for_status()
        seen = [{"user_id": "follower", "item_id": "C0", "kind": kind, "recommendation_id": ids[0]} for kind in "ab"]
        client.post("/v1/events", json={"events": seen}).raise_for_status()
    clicks = page.locator("#clicks")
    expect(clicks.get_by_role("row", name="laughs version 1").first).to_contain_text(
        "25.0%"
    )  # the page follows by itself
    expect(clicks.get_by_role("row", name="laughs version 1").first).to_contain_text("4.6 … 69.9%")
    for steered in ("laughs@1+wars@1", "a request in words", "no prompt"):
        expect(clicks.get_by_role("row", name=steered)).to_contain_text("of 1")
    expect(page.locator(".facts")).to_contain_text("people with fewer than 3 known events")
    expect(page.locator(".facts")).to_contain_text("a second lately")
    clicks.get_by_role("link", name="laughs").first.click()
    expect(page.get_by_role("heading", name="laughs version 1")).to_be_visible()
