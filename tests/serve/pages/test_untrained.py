from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx
import pytest
from browsing import faults, overflow, serving
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser


def test_an_untrained_workspace_says_what_to_do_next_and_opens_once_trained(
    browser: Browser, trained_service: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "new team"
    workspace.mkdir()
    with serving(workspace) as site:
        page = browser.new_page(locale="zh-CN", viewport={"width": 360, "height": 740})
        page.goto(site.address)
        expect(page.get_by_role("heading", name="下一步")).to_be_visible()
        expect(page.get_by_text(f"promptrec data fetch movielens-100k -w '{workspace}'")).to_be_visible()
        assert faults(page) == []
        assert overflow(page) <= 0
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("heading", name="Nothing is trained here yet")).to_be_visible()

        answer = httpx.post(f"{site.address}/v1/recommend", json={}, trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "no backbone is trained here; run `promptrec train`" in answer.json()["detail"]
        assert httpx.get(f"{site.address}/ready", trust_env=False).status_code == 503
        assert httpx.get(f"{site.address}/health", trust_env=False).json()["status"] == "untrained"

        shutil.copytree(trained_service / "dataset", workspace / "dataset")
        page.reload()
        expect(page.get_by_text("Your data is here; what is missing is the model")).to_be_visible()
        # What `promptrec train` leaves behind, its pointer last.
        shutil.copytree(trained_service / "backbone", workspace / "backbone", ignore=lambda *_: ["current"])
        (workspace / "backbone" / "current").write_text("{")
        page.wait_for_timeout(1_500)
        page.reload()
        expect(page.get_by_text(re.compile("cannot be read"))).to_be_visible()
        shutil.copy(trained_service / "backbone" / "current", workspace / "backbone" / "current")
        expect(page.get_by_label("Things you liked")).to_be_visible(timeout=20_000)
        assert httpx.get(f"{site.address}/ready", trust_env=False).json()["status"] == "ready"
        page.close()
