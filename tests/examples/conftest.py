"""An example runs as its README says: its commands, on a cut of its data, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from promptrec.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder that PROMPTREC_DATA names; without it the test is skipped."""
    if "PROMPTREC_DATA" not in os.environ:
        pytest.skip("PROMPTREC_DATA names no folder of data")
    return Path(os.environ["PROMPTREC_DATA"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Runs a `promptrec …` or `python …` command in this process and gives what it prints; a failure fails the test.

    It runs in `tmp_path`, which has the repository's examples, as a checkout has, without what they wrote there.
    """
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("data", "__pycache__"))
    monkeypatch.chdir(tmp_path)

    def run_one(command: str) -> str:
        program, *arguments = shlex.split(command)
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), monkeypatch.context() as patch:
            patch.setattr(sys, "argv", [program, *arguments] if program == "promptrec" else arguments)
            status: object = 0
            try:
                if program == "promptrec":
                    main()
                else:
                    patch.syspath_prepend(Path(arguments[0]).resolve().parent)
                    runpy.run_path(arguments[0], run_name="__main__")
            except SystemExit as ended:
                status = ended.code
        assert not status, f"{command}: ended with {status}"
        return printed.getvalue()

    return run_one


@pytest.fixture
def follow(run: Callable[[str], str]) -> Callable[..., dict[str, str]]:
    """Runs every command of a README under examples/: {command: what it printed}.

    Commands are the lines that begin with `$ ` in console blocks. With `budget`, that is how long a command may try.
    """

    def follow_readme(name: str, budget: str | None = None) -> dict[str, str]:
        text = (ROOT / "examples" / name).read_text(encoding="utf-8")
        blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
        commands = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
        assert commands, f"examples/{name} has no commands"
        if budget:
            commands = [re.sub(r"--budget \w+", f"--budget {budget}", command) for command in commands]
        return {command: run(command) for command in commands}

    return follow_readme
