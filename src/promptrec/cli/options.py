"""What every verb shares: its options, and how it shows what it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", help="The folder that all verbs share.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SeedOption = Annotated[int, typer.Option(help="The one seed of all randomness.")]
DEFAULT = Path("workspace")


def show(document: Any, as_json: bool, lines: list[str]) -> None:
    """Print the document, or the lines that say the same to a person."""
    print(json.dumps(document, ensure_ascii=False, indent=1) if as_json else "\n".join(lines))
