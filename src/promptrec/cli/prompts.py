"""`promptrec prompts …`: the saved prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show
from promptrec.workspace import Workspace

app = typer.Typer(help="List, show, activate and delete saved prompts.", no_args_is_help=True)


@app.command("list")
def prompts_list(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Every saved version; * marks the one its name resolves to."""
    found = _library(workspace).describe()
    lines = [f"{'*' if card['active'] else ' '} {card['name']} {card['version']}: {card['words']}" for card in found]
    show(found, as_json, lines or ["no prompts yet; make one with `promptrec tune NAME --scenario …`"])


@app.command("show")
def prompts_show(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """The cards of a prompt's versions."""
    library = _library(workspace)
    library.versions(name)
    found = [card for card in library.describe() if card["name"] == name]
    show(found, as_json, [json.dumps(card, ensure_ascii=False, indent=1) for card in found])


@app.command("activate")
def prompts_activate(
    name: str, version: int, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False
) -> None:
    """Let a name resolve to one of its versions."""
    _library(workspace).activate(name, version)
    show({"name": name, "version": version}, as_json, [f"{name} is now version {version}"])


@app.command("delete")
def prompts_delete(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Delete a prompt with all its versions."""
    _library(workspace).delete(name)
    show({"deleted": name}, as_json, [f"deleted {name}"])


def _library(workspace: Path) -> Any:
    from promptrec.prompt.library import PromptLibrary

    return PromptLibrary(Workspace(workspace).prompts)
