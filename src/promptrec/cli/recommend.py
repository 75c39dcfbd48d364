"""`promptrec recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, show


def recommend(
    history: Annotated[str, typer.Option(help="Item ids, oldest first, separated by commas.")] = "",
    request: Annotated[str | None, typer.Option(help="What the person asks for, in their own words.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The name of a saved prompt.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Recommend for anybody, also a person unknown to training, given as a list of item ids."""
    from promptrec.recommender import Recommender

    ids = [part.strip() for part in history.split(",") if part.strip()]
    answer = Recommender.load(workspace).recommend(ids, request, prompt, k)
    lines = [f"{item.score:6.3f}  {item.id:>6}  {item.title}  ({'; '.join(item.reasons)})" for item in answer]
    if answer.ignored:
        lines.append(f"ignored, not in the catalogue: {', '.join(answer.ignored)}")
    show(answer.as_dict(), as_json, lines)
