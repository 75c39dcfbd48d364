from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def promptrec(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("promptrec")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)


def test_recommend_prints_one_json_document(trained: Path) -> None:
    done = promptrec(
        "recommend", "--history", "C0,C1,nowhere", "--request", "战争片", "-k", "3", "-w", str(trained), "--json"
    )
    answer = json.loads(done.stdout)
    assert [item["id"][0] for item in answer["items"]] == ["W", "W", "W"]
    assert answer["ignored"] == ["nowhere"]
    assert answer["prompts"] == [{"name": "request", "version": 0, "weight": 1.0}]
    assert set(answer) == {"items", "prompts", "request", "ignored", "fallback", "notes"}


def test_recommend_takes_what_may_be_shown(trained: Path) -> None:
    filters = '{"genres": {"any": ["War"]}}'
    options = ("--exclude", "W3,W4", "--filters", filters, "--diversity", "0.3", "--seen", "include", "-k", "20")
    done = promptrec("recommend", "--history", "W0,W1", *options, "-w", str(trained), "--json")
    answer = json.loads(done.stdout)
    assert {item["id"] for item in answer["items"]} == {f"W{n}" for n in range(15)} - {"W3", "W4"}
    assert answer["notes"] == ["13 of the 20 items asked for: no other may be shown"]


def test_users_errors_are_one_line_and_exit_2(trained: Path, tmp_path: Path) -> None:
    for arguments in (
        ("recommend", "--history", "C0", "-w", str(tmp_path)),
        ("recommend", "--history", "C0", "-k", "0", "-w", str(trained)),
        ("recommend", "--history", "C0", "--prompt", "unknown", "-w", str(trained)),
        ("recommend", "--history", "C0", "--filters", "{genres", "-w", str(trained)),
        ("recommend", "--history", "C0", "--filters", '{"colour": {"eq": "red"}}', "-w", str(trained)),
        ("recommend", "--history", "C0", "--seen", "sometimes", "-w", str(trained)),
        ("recommend", "--history", "C0", "--diversity", "2", "-w", str(trained)),
        ("tune", "x", "--scenario", "rating ===", "-w", str(trained)),
        ("prompts", "show", "unknown", "-w", str(trained)),
        ("data", "import", "--events", str(tmp_path / "missing.csv"), "--yes", "-w", str(tmp_path)),
        ("data", "fetch", "unknown", "-w", str(tmp_path)),
        ("train", "--people-out", "2", "-w", str(trained)),
    ):
        done = promptrec(*arguments)
        assert done.returncode == 2, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_an_unknown_option_exits_2() -> None:
    done = promptrec("recommend", "--no-such-option")
    assert done.returncode == 2
    assert "No such option" in done.stderr
