"""`promptrec recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, pairs, show, weights


def recommend(
    history: Annotated[str, typer.Option(help="Item ids, oldest first, separated by commas.")] = "",
    request: Annotated[str | None, typer.Option(help="What the person asks for, in their own words.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A saved prompt, or a mix of some: NAME=0.7,NAME=0.3.")] = None,
    profile: Annotated[str, typer.Option(help="Attributes of the person: age=25,occupation=artist.")] = "",
    request_weight: Annotated[float, typer.Option(help="From 0, the history alone, to 1, the request alone.")] = 0.5,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Recommend for anybody, also a person unknown to training, given as a list of item ids."""
    from promptrec.recommender import Recommender

    ids = [part.strip() for part in history.split(",") if part.strip()]
    steering = weights(prompt) if prompt and "=" in prompt else prompt
    person = pairs(profile, "--profile", "age=25,occupation=artist")
    answer = Recommender.load(workspace).recommend(ids, request, steering, k, person, request_weight)
    lines = [f"{item.score:6.3f}  {item.id:>6}  {item.title}  ({'; '.join(item.reasons)})" for item in answer]
    if answer.ignored:
        lines.append(f"ignored, not in the catalogue: {', '.join(answer.ignored)}")
    show(answer.as_dict(), as_json, lines)
