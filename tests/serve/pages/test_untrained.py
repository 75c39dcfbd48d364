from __future__ import annotations

import httpx
import pytest
from browsing import faults
from playwright.sync_api import Browser, expect

from conftest import answering
from promptrec.serve.pages.untrained import untrained_app
from promptrec.serve.security.access import Access

pytestmark = pytest.mark.browser


def test_an_untrained_workspace_says_what_to_do_next(browser: Browser) -> None:
    with answering(untrained_app("no backbone is trained here", Access(None, local=True))) as address:
        page = browser.new_page(locale="zh-CN")
        page.goto(address)
        expect(page.get_by_role("heading", name="下一步")).to_be_visible()
        expect(page.get_by_text("promptrec demo")).to_be_visible()
        assert faults(page) == []
        page.close()
        answer = httpx.post(f"{address}/v1/recommend", json={}, trust_env=False)
        assert answer.status_code == 503
        assert answer.json()["detail"] == "no backbone is trained here"
