from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from browsing import SCRIPT
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def titles(page: Page, place: int) -> list[str]:
    return page.locator(f"#column-{place} .card h3").all_inner_texts()


def test_a_first_visit_finds_the_search_asks_in_chinese_and_learns_why(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Begin with two or three")).to_be_visible()
    for typed, title in (("war film number 1", "War film number 1"), ("war film number 2", "War film number 2")):
        page.get_by_label("Things you liked").press_sequentially(typed)
        expect(page.locator("#found .option").first).to_have_text(title)
        page.keyboard.press("Enter")
        expect(page.get_by_role("list", name="Your history")).to_contain_text(title)
        expect(page.get_by_label("Things you liked")).to_be_focused()
        expect(page.get_by_label("Things you liked")).to_have_value("")
        expect(page.locator("#found .option")).to_have_count(0)
    expect(page.locator("#column-0 .card")).to_have_count(10)
    expect(page.locator("#column-1")).to_contain_text("Say above what you want")
    page.get_by_label("What you want now").fill("轻松的喜剧，适合周末看")
    page.keyboard.press("Enter")
    expect(page.locator("#column-1 .card")).to_have_count(10)
    expect(page.locator("#column-1 .card").first).to_contain_text("Comedy")
    expect(page.locator("#column-1 .mark.up").first).to_be_visible()
    expect(page.locator("#column-1 .card").first.locator(".reasons")).to_contain_text("It fits your words")
    expect(page.locator("#column-0 .card").first.locator(".reasons")).to_contain_text("Because of War film")
    there, before = page.url, titles(page, 1)
    page.reload()
    assert titles(page, 1) == before
    page.get_by_role("button", name="Remove War film number 1").click()
    expect(page.get_by_role("list", name="Your history")).not_to_contain_text("number 1")
    page.go_back()
    expect(page.get_by_role("list", name="Your history")).to_contain_text("War film number 1")
    assert page.url == there


def test_like_and_hide_act_at_once_and_the_lists_move(page: Page) -> None:
    page.goto("/?h=W1&h=W2")
    first = page.locator("#column-0 .card").first
    hidden = first.locator("h3").inner_text()
    first.get_by_role("button", name="Hide").click()
    expect(page.get_by_text("1 hidden")).to_be_visible()
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.locator("#column-0")).to_contain_text(hidden)
    page.locator("#column-0 .card").first.get_by_role("button", name="Hide").click()
    expect(page.locator("#column-0")).not_to_contain_text(hidden)
    before = titles(page, 0)
    page.locator("#column-0 .card").nth(2).get_by_role("button", name="Like").click()
    expect(page.get_by_role("list", name="Your history")).to_contain_text(before[2])
    expect(page.locator(".did")).to_contain_text(before[2])
    assert before[2] not in titles(page, 0)
    page.get_by_role("button", name="Show them again").click()
    expect(page.locator("#column-0")).to_contain_text(hidden)


def test_on_a_phone_a_like_keeps_the_list_that_is_looked_at(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?h=W1&h=W2&request=comedy")
    third = page.locator("#column-1 .card").nth(2)
    liked = third.locator("h3").evaluate("heading => heading.firstChild.textContent.trim()")
    third.get_by_role("button", name="Like").click()
    expect(page.get_by_role("list", name="Your history")).to_contain_text(liked)
    expect(page.locator("#like-1-3")).to_be_focused()
    expect(page.locator(".did")).to_be_in_viewport()
    expect(page.locator("#column-1 .card").nth(2)).to_be_in_viewport(ratio=0.9)


def test_prompts_sliders_and_a_third_column_are_in_the_address(page: Page) -> None:
    page.goto("/?h=W1&h=W2&request=comedy")
    page.get_by_label("Compare one more list").select_option("p.laughs")
    expect(page.locator("#column-2 .card")).to_have_count(10)
    expect(page.locator("#column-2 .card").first).to_contain_text("Comedy")
    expect(page.get_by_label("Compare one more list")).to_have_count(0)
    page.get_by_label("What steers list 2").select_option("w.wars")
    expect(page).to_have_url(re.compile("c=w.wars"))
    page.get_by_label("Your words against your history").focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile("w=0"))
    expect(page.get_by_label("Your words against your history")).to_be_focused()
    page.get_by_label("Variety of the list").focus()
    page.keyboard.press("End")
    expect(page).to_have_url(re.compile("d=100"))
    before = [titles(page, place) for place in range(3)]
    page.goto(page.url)
    assert [titles(page, place) for place in range(3)] == before
    page.get_by_role("button", name="Close list 3").click()
    expect(page.locator("#column-2")).to_have_count(0)


def test_a_column_mixes_prompts_and_its_address_keeps_the_weights(page: Page) -> None:
    page.goto("/?u=p1&c=plain&c=p.laughs")
    expect(page.locator("#column-1 .card").first).to_contain_text("Comedy")
    page.locator("#mix-1 summary").click()
    page.get_by_label("Mix a prompt into list 2").select_option("wars")
    expect(page).to_have_url(re.compile(r"c=p.laughs%3A50%2Cwars%3A50"))
    expect(page.locator("#c-1 option:checked")).to_have_text("Mix laughs 50% + wars 50%")
    half = titles(page, 1)
    page.locator("#mix-1").get_by_label("wars").focus()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#c-1 option:checked")).to_have_text("Mix laughs 91% + wars 9%")
    expect(page.locator("#mix-1").get_by_label("wars")).to_be_focused()
    expect(page.locator("#column-1 .card").first).to_contain_text("Comedy")
    mixed = titles(page, 1)
    assert mixed != half
    page.goto(page.url)
    assert titles(page, 1) == mixed
    expect(page.locator("#column-1 .card").first.locator("summary")).to_be_visible()
    page.locator("#column-1 .card").first.locator("summary").click()
    page.locator("#mix-1").get_by_label("laughs").focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile("c=p.wars$"))
    page.get_by_label("What steers list 2").select_option("w.laughs")
    expect(page).to_have_url(re.compile("c=w.laughs$"))


def test_a_person_is_found_by_id_and_words_by_what_they_mean(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Things you liked").press_sequentially("p1")
    page.locator("#found .option", has_text="p1").first.click()
    expect(page.get_by_role("list", name="Your history")).to_contain_text("Person p1, 10 events")
    expect(page.locator("#column-0 .card").first).to_contain_text("War")
    page.get_by_label("Things you liked").press_sequentially("战争片")
    expect(page.get_by_text("closest in meaning")).to_be_visible()
    expect(page.locator("#found .option").first).to_contain_text("War")


def test_keys_alone(page: Page) -> None:
    page.goto("/?h=W1")
    page.locator("body").press("/")
    expect(page.get_by_label("Things you liked")).to_be_focused()
    page.keyboard.type("comedy film number 1")
    expect(page.locator("#found .option").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    second = page.locator("#found .option").nth(1)
    expect(second).to_be_focused()
    chosen = second.inner_text()
    page.keyboard.press("Enter")
    expect(page.get_by_role("list", name="Your history")).to_contain_text(chosen)
    page.keyboard.type("comedy")
    expect(page.locator("#found .option").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#found .option")).to_have_count(0)
    summary = page.locator("#column-0 .card").nth(1).locator("summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#column-0 .card").nth(1).locator(".reasons")).to_contain_text("film number")


def test_a_script_stays_text_in_title_name_and_request(page: Page) -> None:
    page.goto(f"/?h=C3&u={SCRIPT}&request={SCRIPT}&c=plain&c=words&c=p.{SCRIPT}&x={SCRIPT}")
    expect(page.get_by_role("list", name="Your history")).to_contain_text(SCRIPT)
    expect(page.get_by_label("What you want now")).to_have_value(SCRIPT)
    page.get_by_label("Things you liked").press_sequentially("<script>")
    expect(page.locator("#found")).to_contain_text("<script>")
    for path in ("/data/items/C3", f"/data/people/{quote(SCRIPT, safe='')}", "/data"):
        text = page.request.get(path, headers={"accept": "text/html"}).text()
        assert "&lt;script&gt;" in text, path
        assert "<script>document" not in text, path
    page.goto("/?h=C0&h=C1&h=C2")
    expect(page.locator("#column-0")).to_contain_text(SCRIPT)
    assert "taken" not in page.title()


def test_what_fails_is_said_and_what_was_typed_stays(page: Page) -> None:
    page.goto("/?h=W1&h=nowhere&c=plain&c=p.nothing")
    expect(page.get_by_text("Not in the catalogue, left out: nowhere")).to_be_visible()
    expect(page.locator("#column-1").get_by_role("alert")).to_contain_text("'nothing' is not in this workspace")
    expect(page.locator("#column-0 .card")).to_have_count(10)


def test_a_service_that_is_away_is_said_and_what_was_typed_stays(page: Page) -> None:
    page.goto("/?h=W1")
    expect(page.locator("#column-0 .reasons li").first).to_contain_text("War")
    page.route("**/?*", lambda route: route.fulfill(status=503, body='{"detail": "the store is away"}'))
    page.get_by_label("What you want now").fill("a comedy that I typed")
    with page.expect_response("**/?*"):
        page.get_by_role("button", name="Recommend").click()
    expect(page.locator("#failure")).to_contain_text("the store is away")
    expect(page.get_by_label("What you want now")).to_have_value("a comedy that I typed")
    page.unroute("**/?*")
    page.get_by_role("button", name="Recommend").click()
    expect(page.locator("#column-1 .card")).to_have_count(10)
    expect(page.locator("#failure")).to_be_hidden()


def test_a_card_has_a_picture_where_there_is_one_inside_the_dataset(page: Page) -> None:
    page.goto("/?u=p1&request=comedy&c=words&w=100")
    card = page.locator(".card", has=page.get_by_role("heading", name=re.compile(r"^Comedy film number 0\b")))
    expect(card.locator("img")).to_have_js_property("naturalWidth", 2)
    expect(page.locator(".card img")).to_have_count(1)
    for id_, status in (("C0", 200), ("C1", 404), ("C2", 404), ("C6", 404), ("C7", 404), ("nowhere", 404)):
        answer = page.request.get(f"/page/picture/{id_}")
        assert answer.status == status, id_
    assert page.request.get("/page/picture/C0").headers["content-type"] == "image/png"
    page.goto("/data/items/C0")
    expect(page.locator("img.picture")).to_have_js_property("naturalHeight", 3)
    page.goto("/data/items/C2")
    expect(page.locator("img")).to_have_count(0)
