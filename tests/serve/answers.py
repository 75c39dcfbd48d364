"""What tests of the service look for in answers."""

from __future__ import annotations

from typing import Any

import httpx


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def assert_problem(answer: httpx.Response, status: int, detail: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert detail in document["detail"]
    assert "\n" not in document["detail"]
    assert "Traceback" not in answer.text
    return document
