"""`promptrec recommend`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from promptrec.cli.options import DEFAULT, JsonOption, WorkspaceOption, pairs, show, weights
from promptrec.errors import PromptrecError


def recommend(
    history: Annotated[str, typer.Option(help="Item ids, oldest first, separated by commas.")] = "",
    request: Annotated[str | None, typer.Option(help="What the person asks for, in their own words.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture: something like this.")] = None,
    prompt: Annotated[str | None, typer.Option(help="A saved prompt, or a mix of some: NAME=0.7,NAME=0.3.")] = None,
    profile: Annotated[str, typer.Option(help="Attributes of the person: age=25,occupation=artist.")] = "",
    request_weight: Annotated[float, typer.Option(help="From 0, the history alone, to 1, the request alone.")] = 0.5,
    k: Annotated[int, typer.Option("-k", help="How many items.")] = 10,
    exclude: Annotated[str, typer.Option(help="Item ids never to show, separated by commas.")] = "",
    filters: Annotated[str | None, typer.Option(help='Conditions as JSON: {"year": {"min": 1990}}.')] = None,
    diversity: Annotated[float, typer.Option(help="From 0, the best items, to 1, the most varied list.")] = 0.0,
    seen: Annotated[str, typer.Option(help="Items of the history: exclude, include, or days to exclude.")] = "exclude",
    rerank: Annotated[str | None, typer.Option(help="A saved reranker that orders the first 50 anew.")] = None,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Recommend for anybody, also a person unknown to training, given as a list of item ids."""
    from promptrec.recommender import Recommender

    steering = weights(prompt) if prompt and "=" in prompt else prompt
    person = pairs(profile, "--profile", "age=25,occupation=artist")
    answer = Recommender.load(workspace).recommend(
        listed(history),
        request,
        steering,
        k,
        person,
        request_weight,
        image=image,
        exclude=listed(exclude),
        filters=conditions(filters),
        diversity=diversity,
        seen=days(seen),
        rerank=rerank,
    )
    lines = [f"{item.score:6.3f}  {item.id:>6}  {item.title}  ({'; '.join(item.reasons)})" for item in answer]
    if answer.ignored:
        lines.append(f"ignored, not in the catalogue: {', '.join(answer.ignored)}")
    lines += answer.notes
    show(answer.as_dict(), as_json, lines)


def listed(ids: str) -> list[str]:
    return [part.strip() for part in ids.split(",") if part.strip()]


def conditions(text: str | None) -> Any:
    """What `--filters` says. Raises PromptrecError where it is no JSON."""
    try:
        return json.loads(text) if text else None
    except ValueError as error:
        raise PromptrecError(f'--filters: expected JSON such as {{"year": {{"min": 1990}}}} ({error})') from None


def days(seen: str) -> Any:
    """`exclude`, `include` or a number; anything else is left for the recommender to refuse."""
    try:
        return float(seen)
    except ValueError:
        return seen
