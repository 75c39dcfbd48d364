"""`promptrec keys …`: who may call the service."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show
from promptrec.workspace import Workspace

app = typer.Typer(help="Create, list and revoke the service's API keys.", no_args_is_help=True)


@app.command("create")
def keys_create(
    name: str,
    scopes: Annotated[str, typer.Option(help="Some of read, write, admin; separated by commas.")] = "read",
    rate: Annotated[float, typer.Option(help="Requests per second that are let through.")] = 1_000.0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once: only its hash is kept."""
    key, token = _ring(workspace).create(name, [part.strip() for part in scopes.split(",") if part.strip()], rate)
    lines = [f"key {key.id} for {key.name}: {', '.join(key.scopes)}", token, "Keep it: it is not shown again."]
    show({**_public(key), "token": token}, as_json, lines)


@app.command("list")
def keys_list(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Every key that is let in."""
    keys = _ring(workspace).keys()
    lines = [f"{key.id}  {key.name}: {', '.join(key.scopes)}; {key.rate:g}/s; since {key.created}" for key in keys]
    show([_public(key) for key in keys], as_json, lines or ["no keys yet; make one with `promptrec keys create NAME`"])


@app.command("revoke")
def keys_revoke(key_id: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Refuse a key from now on, also in services that run."""
    key = _ring(workspace).revoke(key_id)
    show({"revoked": key.id}, as_json, [f"revoked {key.id} of {key.name}"])


def _public(key: Any) -> dict[str, Any]:
    return {name: value for name, value in asdict(key).items() if name != "hash"}


def _ring(workspace: Path) -> Any:
    from promptrec.serve.security.keys import KeyRing

    return KeyRing(Workspace(workspace).root / "keys.json")
