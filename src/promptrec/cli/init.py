"""`promptrec init`: a mapping file to start from."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import JsonOption, show


def init(
    scenario: Annotated[str, typer.Argument(help="shop, courses, answers, social or movies.")],
    as_json: JsonOption = False,
) -> None:
    """Write a commented mapping file, SCENARIO.toml, into the current folder."""
    from promptrec.data.templates import write_template

    file = write_template(scenario)
    show({"file": str(file)}, as_json, [f"{file}: name your files in it, then run `promptrec data import {file}`"])
