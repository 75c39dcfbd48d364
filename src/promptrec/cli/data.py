"""`promptrec data …`: fetch, import and describe data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show
from promptrec.workspace import Workspace

app = typer.Typer(help="Fetch, import and describe data.", no_args_is_help=True)


@app.command("fetch")
def data_fetch(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Fetch a built-in data set (movielens-100k) and clean it."""
    from promptrec.data.describe import describe
    from promptrec.data.sources import fetch

    facts = describe(fetch(name, Workspace(workspace)))
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])


@app.command("import")
def data_import(
    events: Annotated[Path, typer.Option(help="Who did what: CSV (also gzip), Parquet, JSON lines, RecBole atomic.")],
    items: Annotated[Path | None, typer.Option(help="The catalogue.")] = None,
    users: Annotated[Path | None, typer.Option(help="Attributes of people.")] = None,
    list_separator: Annotated[str | None, typer.Option(help="What separates the words of a list attribute.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept the columns that were guessed.")] = False,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Import a team's own files, cleaned; what was left out and why is reported."""
    from promptrec.data.describe import describe
    from promptrec.data.importing import import_dataset

    dataset = import_dataset(
        Workspace(workspace), events, items, users, list_separator=list_separator, assume_yes=yes or as_json
    )
    facts = describe(dataset)
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])


@app.command("describe")
def data_describe(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """What a person wants to know first about the workspace's data."""
    from promptrec.data.dataset import Dataset
    from promptrec.data.describe import describe

    facts = describe(Dataset.load(Workspace(workspace).dataset))
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])
