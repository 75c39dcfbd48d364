"""A picture as the request, on the page of a service whose model understands pictures."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import SCRIPT, Site, faults, overflow, serving, settled
from playwright.sync_api import Browser, Page, expect

from contracts.pictures import drawn

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def seeing(tmp_path_factory: pytest.TempPathFactory, pictured: Path) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("seeing-pages") / "workspace"
    shutil.copytree(pictured, place)
    with serving(place) as site:
        yield site


@pytest.fixture
def phone(browser: Browser, seeing: Site) -> Iterator[Page]:
    context = browser.new_context(base_url=seeing.address, viewport={"width": 360, "height": 740}, locale="zh-CN")
    yield context.new_page()
    context.close()


def test_a_picture_is_chosen_steers_is_explained_and_stays_in_the_address(phone: Page) -> None:
    phone.goto("/?h=C1")
    expect(phone.locator("#column-0 .card").first).to_contain_text("Comedy")
    phone.locator("#picture").set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": drawn("War", 7, "PNG")}
    )
    expect(phone.get_by_role("img", name="您的图片")).to_have_js_property("naturalHeight", 120)
    expect(phone.locator("#c-1 option:checked")).to_have_text("加上您的图片")
    expect(phone.locator("#column-1 .card").first).to_contain_text("War")
    expect(phone.locator("#column-1 .card").first.locator(".reasons")).to_contain_text("与您的图片相似")
    expect(phone.locator("#column-1 .card img").first).to_be_visible()
    settled(phone)
    assert faults(phone) == []
    assert overflow(phone) <= 0
    expect(phone).to_have_url(re.compile(r"i=[0-9a-f]{32}"))
    before = phone.locator("#column-1 h3").all_inner_texts()
    phone.goto(phone.url)
    assert phone.locator("#column-1 h3").all_inner_texts() == before
    phone.get_by_role("button", name="移除图片").click()
    expect(phone.get_by_role("img", name="您的图片")).to_have_count(0)
    assert "i=" not in phone.url


def test_a_picture_is_dropped_and_what_is_none_is_said(phone: Page) -> None:
    phone.goto("/?request=war")
    drop = """([name, bytes]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/jpeg"}));
      const how = {dataTransfer: data, bubbles: true, cancelable: true};
      document.querySelector("main").dispatchEvent(new DragEvent("drop", how));
    }"""
    phone.evaluate(drop, [SCRIPT, list(b"no picture at all")])
    expect(phone.locator("#failure")).to_contain_text("无法把此文件读作图片")
    expect(phone.locator("#request")).to_have_value("war")
    phone.evaluate(drop, ["romance.jpg", list(drawn("Romance", 3))])
    expect(phone.locator("#c-1 option:checked")).to_have_text("加上您的话和图片")
    expect(phone.locator("#failure")).to_be_hidden()


def test_a_picture_is_sent_without_scripts_and_what_was_asked_stays(browser: Browser, seeing: Site) -> None:
    context = browser.new_context(base_url=seeing.address, java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    page.goto("/?h=C1&request=war&c=plain&c=words&w=80")
    expect(page.get_by_text("or drop one anywhere")).to_be_hidden()
    for content, unread, steering in (
        (b"no picture at all", 1, "your words"),
        (drawn("Romance", 3, "PNG"), 0, "picture"),
    ):
        page.locator("#file").set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": content})
        page.get_by_role("button", name="Send the picture").click()
        expect(page.get_by_text("This file cannot be read as a picture")).to_have_count(unread)
        expect(page.locator("#request")).to_have_value("war")
        expect(page.locator("#w")).to_have_value("80")
        expect(page.locator("#c-1 option:checked")).to_contain_text(steering)
    assert re.search(r"h=C1&request=war&i=[0-9a-f]{32}", page.url)
    expect(page.get_by_role("img", name="Your picture")).to_have_js_property("naturalHeight", 120)
    context.close()


def test_only_small_jpegs_are_kept_and_a_lost_one_is_said(phone: Page, seeing: Site) -> None:
    for content, said in ((drawn("War", 1, "PNG"), "expected a JPEG"), (b"\xff\xd8\xff nothing", "cannot be read")):
        answer = phone.request.post("/pictures", data=content)
        assert answer.status == 422
        assert said in answer.json()["detail"]
    name = phone.request.post("/pictures", data=drawn("War", 2)).json()["name"]
    shown = phone.request.get(f"/pictures/{name}")
    assert (shown.status, shown.headers["content-type"]) == (200, "image/jpeg")
    for odd in ("0" * 32, "..%2fstate.db", name.upper()):
        assert phone.request.get(f"/pictures/{odd}").status == 404
    (seeing.workspace / "pictures" / f"{name}.jpg").unlink()
    phone.goto(f"/?h=C1&i={name}")
    expect(phone.get_by_text("此地址中的图片已不再保存")).to_be_visible()
    expect(phone.locator("#column-0 .card")).to_have_count(10)


def test_a_model_without_pictures_offers_none(page: Page) -> None:
    page.goto("/?h=W1")
    expect(page.locator("#column-0 .card")).to_have_count(10)
    expect(page.locator("#picture")).to_have_count(0)
    assert page.request.post("/pictures", data=drawn("War", 1)).status == 422
