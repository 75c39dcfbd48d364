"""An example runs as its README says: its commands, on a cut of its data, in a folder of their own."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from promptrec.cli import main

ROOT = Path(__file__).parents[2]
Run = Callable[[str], str]


def commands(readme: str) -> list[str]:
    """The lines that begin with `$ ` in the console blocks of examples/`readme`, without the `$ `."""
    text = (ROOT / "examples" / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="session")
def published() -> Path:
    """The folder that PROMPTREC_DATA names; without it the test is skipped."""
    if "PROMPTREC_DATA" not in os.environ:
        pytest.skip("PROMPTREC_DATA names no folder of data")
    return Path(os.environ["PROMPTREC_DATA"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a `promptrec …` or `python …` command in this process and in a new folder, and gives what it prints.

    The folder has the repository's examples; a command that fails fails the test.
    """
    (tmp_path / "examples").symlink_to(ROOT / "examples")
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
                    runpy.run_path(arguments[0], run_name="__main__")
            except SystemExit as ended:
                status = ended.code
            assert not status, f"{command}: ended with {status}"
        return printed.getvalue()

    return run_one


def write_cut(source: Path, folder: Path, people: pl.Series, items: pl.Series | None = None) -> None:
    """Write events.csv.gz and items.csv.gz of some people and of the items that they or `items` name into `folder`."""
    events = pl.read_csv(source / "events.csv.gz", infer_schema=False)
    events = events.filter(pl.col("user_id").is_in(people.implode()))
    catalogue = pl.read_csv(source / "items.csv.gz", infer_schema=False)
    kept = events["item_id"] if items is None else pl.concat([events["item_id"], items])
    catalogue = catalogue.filter(pl.col("item_id").is_in(kept.implode()))
    folder.mkdir(parents=True)
    events.write_csv(folder / "events.csv.gz", compression="gzip")
    catalogue.write_csv(folder / "items.csv.gz", compression="gzip")
