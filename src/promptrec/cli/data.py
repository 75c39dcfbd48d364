"""`promptrec data …`: fetch, import, describe, pull and export data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace, read_json

app = typer.Typer(help="Fetch, import, describe, pull and export data.", no_args_is_help=True)


@app.command("fetch")
def data_fetch(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Fetch a built-in data set (movielens-100k) and clean it."""
    from promptrec.data.describe import describe, lines
    from promptrec.data.sources import fetch

    facts = describe(fetch(name, Workspace(workspace)))
    show(facts, as_json, lines(facts))


@app.command("import")
def data_import(
    mapping: Annotated[
        Path | None, typer.Argument(metavar="[MAPPING.toml]", help="Files, columns and cleaning; `init` writes one.")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="Who did what: CSV (also gzip), Parquet, JSON lines, RecBole atomic; or a folder."),
    ] = None,
    items: Annotated[Path | None, typer.Option(help="The catalogue.")] = None,
    users: Annotated[Path | None, typer.Option(help="Attributes of people.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="A column's meaning, such as events.user=uid; as often as need be.")
    ] = None,
    list_separator: Annotated[str | None, typer.Option(help="What separates the words of a list attribute.")] = None,
    files: Annotated[
        Path | None, typer.Option(help="The folder that pictures named by items lie in; else that of the items file.")
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the dataset instead of replacing it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Accept the columns that were guessed.")] = False,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Import a team's own files, cleaned; what was left out and why is reported."""
    from promptrec.data.importing import import_dataset

    place = Workspace(workspace)
    import_dataset(
        place,
        events,
        items,
        users,
        columns=_columns(column or []),
        list_separator=list_separator,
        assume_yes=yes or as_json,
        mapping=mapping,
        item_files=files,
        append=append,
    )
    _show_cleaning(place, as_json)


@app.command("describe")
def data_describe(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """What a person wants to know first about the workspace's data."""
    from promptrec.data.dataset import Dataset
    from promptrec.data.describe import describe, lines

    facts = describe(Dataset.load(Workspace(workspace).dataset))
    show(facts, as_json, lines(facts))


@app.command("pull")
def data_pull(
    store: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://…; else state.db in the workspace.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Append the live events that the service got since the last pull."""
    from promptrec.pull import pull

    # The URL may hold a password; the environment keeps it out of the list of processes.
    count = pull(Workspace(workspace), store or os.environ.get("PROMPTREC_STORE"))
    show({"events": count}, as_json, [f"{count:,} live events were added"])


@app.command("export")
def data_export(
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
    form: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Write everything back as files, with a mapping that imports them again."""
    from promptrec.data.exporting import Form, export_dataset

    if form not in ("csv", "parquet"):
        raise PromptrecError(f"--format: expected csv or parquet, found {form!r}")
    files = export_dataset(Workspace(workspace), folder, cast(Form, form))
    show({"folder": str(folder), "files": files}, as_json, [str(folder / name) for name in files])


def _columns(given: list[str]) -> dict[str, dict[str, str]]:
    """{"events": {"user": "uid"}} from events.user=uid."""
    found: dict[str, dict[str, str]] = {}
    for text in given:
        place, equals, column = text.partition("=")
        kind, dot, role = place.partition(".")
        if not equals or not dot or not role or kind not in ("events", "items", "users"):
            raise PromptrecError(f"--column: expected events.ROLE=COLUMN, items.… or users.…, found {text!r}")
        if role in found.setdefault(kind, {}):
            raise PromptrecError(f"--column: {place} is given twice; give it once")
        found[kind][role] = column
    return found


def _show_cleaning(place: Workspace, as_json: bool) -> None:
    report: dict[str, Any] = read_json(place.dataset / "cleaning.json", "cleaning report")
    lines = [f"{kind}: {total['kept']:,} of {total['read']:,} records kept" for kind, total in report["files"].items()]
    show(report, as_json, [*lines, f"what was left out and why: {place.dataset / 'cleaning.html'}"])
