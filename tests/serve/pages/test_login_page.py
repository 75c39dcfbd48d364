"""Entering a key in a browser, on a service that has keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from browsing import faults, overflow, serving
from playwright.sync_api import Browser, expect

from promptrec.serve.security.keys import KeyRing

pytestmark = pytest.mark.browser


def test_a_person_enters_a_key_in_their_language(browser: Browser, trained_service: Path, tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    shutil.copytree(trained_service, root)
    _, token = KeyRing(root / "keys.json").create("person", ["read"])
    with serving(root) as site:
        context = browser.new_context(
            base_url=site.address, viewport={"width": 360, "height": 740}, locale="zh-CN", color_scheme="dark"
        )
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("heading", name="请输入密钥")).to_be_visible()
        assert faults(page) == []
        assert overflow(page) <= 0
        page.get_by_label("密钥").fill("prk_wrong")
        page.get_by_role("button", name="进入").click()
        expect(page.get_by_role("alert")).to_contain_text("密钥不存在")
        page.get_by_label("密钥").fill(token)
        page.get_by_role("button", name="进入").click()
        expect(page.get_by_role("button", name="推荐")).to_be_visible()
        context.close()
