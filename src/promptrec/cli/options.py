"""What every verb shares: its options, and how it shows what it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from promptrec.errors import PromptrecError

WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", help="The folder that all verbs share.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SeedOption = Annotated[int, typer.Option(help="The one seed of all randomness.")]
DEFAULT = Path("workspace")


def pairs(text: str, option: str, example: str) -> dict[str, str]:
    """The names and values of `name=value,name=value`. Raises PromptrecError for a part that is no pair."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise PromptrecError(f"{option}: expected name=value pairs such as {example}, found {part!r}")
        found[name.strip()] = value.strip()
    return found


def weights(text: str) -> dict[str, float]:
    """The names and weights of a mix, `name=0.7,name=0.3`. Raises PromptrecError for a weight that is no number."""
    found = pairs(text, "mix", "winter=0.7,sale=0.3")
    try:
        return {name: float(weight) for name, weight in found.items()}
    except ValueError:
        raise PromptrecError(f"mix: expected numbers as weights, as in winter=0.7,sale=0.3, found {text!r}") from None


def show(document: Any, as_json: bool, lines: list[str]) -> None:
    """Print the document, or the lines that say the same to a person."""
    print(json.dumps(document, ensure_ascii=False, indent=1) if as_json else "\n".join(lines))
