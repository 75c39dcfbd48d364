"""What docs/serve.md and docs/keys.md print is run, against a real service."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Service

DOCS = Path(__file__).parents[2] / "docs"


def commands(page: str, program: str) -> list[str]:
    """The indented commands of a page, in order, with their continuation lines."""
    text = (DOCS / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if line.startswith(f"    {program} ")]


@pytest.fixture
def documented(service: Service) -> Service:
    """The service with the items that the pages name."""
    for id_ in ("50", "172"):
        service.client.put(f"/v1/items/{id_}", json={"title": f"Star Wars {id_}", "attributes": {"genres": ["War"]}})
    return service


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_every_curl(documented: Service) -> None:
    lines = commands("serve.md", "curl")
    assert len(lines) >= 18
    paths = set()
    for line in lines:
        local = line.replace("localhost:8000", documented.address)
        done = subprocess.run(["bash", "-c", f"{local} -w '\n%{{http_code}}'"], capture_output=True, text=True)
        status = done.stdout.rpartition("\n")[2]
        assert status in ("200", "204"), (line, done.stdout, done.stderr)
        paths.add(re.sub(r".*localhost:8000(/[^\s'?]*).*", r"\1", line))
    assert {"/v1/recommend", "/v1/recommend/batch", "/v1/events", "/ready", "/metrics", "/v1/users/ann"} <= paths


def test_every_call_in_python(documented: Service) -> None:
    text = (DOCS / "serve.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 7
    names: dict[str, object] = {}
    for block in blocks:
        exec(block.replace("http://127.0.0.1:8000", documented.address), names)


def test_every_verb_of_keys(tmp_path: Path) -> None:
    made = ""
    for line in commands("keys.md", "promptrec"):
        program = str(Path(sys.executable).parent / "promptrec")
        words = shlex.split(line.replace("KEY_ID", made))[1:]
        done = subprocess.run([program, *words, "-w", str(tmp_path)], capture_output=True, text=True)
        assert done.returncode == 0, (line, done.stderr)
        made = made or done.stdout.split()[1]
    assert "revoked" in done.stdout


def test_the_unit_file_is_one(tmp_path: Path) -> None:
    text = (DOCS / "serve.md").read_text(encoding="utf-8")
    unit = re.search(r"    \[Unit\]\n(?:    .*\n|\n)+", text)
    assert unit is not None
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    file = tmp_path / "promptrec.service"
    file.write_text(re.sub("(?m)^    ", "", unit.group()).replace("/opt/promptrec/bin/promptrec", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True)
    assert "Unknown key" not in done.stderr
    assert "Unknown section" not in done.stderr
