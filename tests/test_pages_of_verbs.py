"""Every verb has its page, and the page names every option of the verb."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from promptrec.cli import app

DOCS = Path(__file__).parents[1] / "docs"
SHARED = {"--workspace", "-w", "--json", "--help"}  # explained once, in docs/README.md
GROUPS_ON_ONE_PAGE = {"prompts", "keys"}


def verbs() -> list[tuple[str, str, list[str]]]:
    """(verb, page, options) of every command."""
    found = []
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        for sub, leaf in getattr(command, "commands", {"": command}).items():
            page = f"{name}-{sub}" if sub and name not in GROUPS_ON_ONE_PAGE else name
            options = [
                option
                for parameter in leaf.params
                if parameter.param_type_name == "option"
                for option in parameter.opts
                if option not in SHARED and option.startswith("--")
            ]
            found.append((f"{name} {sub}".strip(), page, options))
    return found


@pytest.mark.parametrize(("verb", "page", "options"), verbs(), ids=[verb for verb, _, _ in verbs()])
def test_a_verb_and_its_options_are_on_its_page(verb: str, page: str, options: list[str]) -> None:
    file = DOCS / f"{page}.md"
    assert file.exists(), f"docs/{page}.md is missing: the page of `promptrec {verb}`"
    text = file.read_text(encoding="utf-8")
    assert f"promptrec {verb}" in text
    missing = [option for option in options if not re.search(rf"{re.escape(option)}\b", text)]
    assert not missing, f"docs/{page}.md does not name {missing}"


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {link}"
        for page in DOCS.glob("*.md")
        for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (DOCS / link).exists()
    ]
    assert not broken
