"""`promptrec prompts …`: the saved prompts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show, weights
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace

app = typer.Typer(help="List, show, write, mix, move, rebuild and delete saved prompts.", no_args_is_help=True)


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


@app.command("write")
def prompts_write(
    name: str,
    text: Annotated[str, typer.Argument(help="A sentence; {interests}, {attributes} and {history} are filled in.")],
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Save a sentence as a prompt."""
    from promptrec.recommender import Recommender
    from promptrec.tune.write import write

    prompt = write(Recommender.load(workspace), name, text)
    document = {"name": name, "version": prompt.version, "kind": prompt.kind, "words": prompt.words}
    show(document, as_json, [f"saved {name} version {prompt.version} (text): {prompt.words}"])


@app.command("mix")
def prompts_mix(
    name: str,
    parts: Annotated[list[str], typer.Argument(help="Prompts with weights: winter=0.7 sale=0.3")],
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Save a weighted mix of prompts as a prompt."""
    from promptrec.prompt.prompt import mix

    library = _library(workspace)
    given = weights(",".join(parts))
    mixed = library.save(mix([(library.load(part), weight) for part, weight in given.items()], name))
    show(
        {"name": name, "version": mixed.version, "parts": given},
        as_json,
        [f"saved {name} version {mixed.version} (mix): {mixed.words}"],
    )


@app.command("cold")
def prompts_cold(
    name: Annotated[str | None, typer.Argument(help="A profile prompt.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Serve people with few events no prompt of their own.")] = False,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Let people with few events, who name no prompt, get this profile prompt by itself."""
    if (name is None) != none:
        raise PromptrecError("prompts cold: expected the name of a profile prompt, or --none")
    _library(workspace).set_cold(name)
    show({"cold": name}, as_json, [f"people with few events get {name}" if name else "people with few events get none"])


@app.command("export")
def prompts_export(
    names: Annotated[list[str], typer.Argument(help="Prompts, by name; what they are made of goes with them.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")] = Path("prompts.zip"),
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Write prompts into a zip file that another workspace can import."""
    from promptrec.prompt.exchange import export_prompts

    found = export_prompts(_library(workspace), names, to)
    show({"file": str(to), "prompts": found}, as_json, [f"{to}: {', '.join(found)}"])


@app.command("import")
def prompts_import(file: Path, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Take in prompts from a file that `export` wrote, or its folder; made for another backbone, they are refused."""
    from promptrec.prompt.exchange import import_prompts
    from promptrec.recommender import current_backbone
    from promptrec.workspace import read_json

    folder = current_backbone(Workspace(workspace))
    fingerprint = read_json(folder / "config.json", "backbone config")["fingerprint"]
    found = import_prompts(_library(workspace), file, fingerprint)
    document = [{"name": prompt.name, "version": prompt.version} for prompt in found]
    show(document, as_json, [f"{prompt.name} is now version {prompt.version}" for prompt in found])


@app.command("rebuild")
def prompts_rebuild(
    names: Annotated[
        list[str] | None, typer.Argument(help="Prompts to make again; all of them where left out.")
    ] = None,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make prompts again from their recipes on the current backbone, and show old and new scores."""
    from promptrec.recommender import Recommender
    from promptrec.tune.rebuild import rebuild

    rows = rebuild(Recommender.load(workspace), names)
    lines = [
        f"{row['name']} {row['old_version']} -> {row['version'] or '–'}: test NDCG@10 {_score(row['old'])} -> "
        f"{_score(row['new'])}{'  ' + row['note'] if row['note'] else ''}"
        for row in rows
    ]
    show(rows, as_json, lines or ["every prompt is of the current backbone"])


def _score(score: dict[str, float] | None) -> str:
    return f"{score['value']:.4f} ({score['low']:.4f} to {score['high']:.4f})" if score else "–"


def _library(workspace: Path) -> Any:
    from promptrec.prompt.library import PromptLibrary

    return PromptLibrary(Workspace(workspace).prompts)
