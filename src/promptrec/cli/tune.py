"""`promptrec tune`, `search`, `transfer` and `improve`: the ways to make a prompt."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, SeedOption, WorkspaceOption, show
from promptrec.errors import PromptrecError
from promptrec.prompt.prompt import Prompt

ScenarioOption = Annotated[str | None, typer.Option(help="SQL over events joined with items: rating = 5")]
ExamplesOption = Annotated[
    Path | None, typer.Option(help="A CSV file of examples instead: user,item or history,item a line.")
]
LimitOption = Annotated[int | None, typer.Option(help="At most so many training examples, drawn with the seed.")]
TextOption = Annotated[str | None, typer.Option(help="Words to start from.")]


def tune(
    name: str,
    scenario: ScenarioOption = None,
    examples: ExamplesOption = None,
    text: TextOption = None,
    items: Annotated[str, typer.Option(help="Item ids to start from, separated by commas.")] = "",
    start: Annotated[str | None, typer.Option(help="A saved prompt to start from.")] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="What changes: directions, shift, input, prefix (the default where it can), last-prefix or low-rank."
        ),
    ] = None,
    relevance: Annotated[float, typer.Option(help="Weight of relevance.")] = 1.0,
    value: Annotated[str | None, typer.Option(help="COLUMN or COLUMN=WEIGHT: prefer items where it is high.")] = None,
    novelty: Annotated[float, typer.Option(help="Weight of items that few people know.")] = 0.0,
    variety: Annotated[float, typer.Option(help="Weight of lists of unlike items.")] = 0.0,
    calibration: Annotated[float, typer.Option(help="Weight of lists in the proportions of the history.")] = 0.0,
    limit: LimitOption = None,
    init: Annotated[
        str | None,
        typer.Option(help="How a language model's prompt begins: TEXT, SAMPLE_VOCAB or RANDOM, as in PEFT."),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="When tuning ends at the latest: 90s, 10m or 2h.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Make one for people with few events instead.")] = False,
    reranker: Annotated[
        str | None, typer.Option(help="Tune how this decoder orders the first 50 instead: smollm2-135m.")
    ] = None,
    below: Annotated[int, typer.Option(help="With --profile: for people with fewer events than this.")] = 5,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Tune a prompt for a scenario by gradient descent on the prompt alone."""
    from promptrec.recommender import Recommender
    from promptrec.tune.improve import parse_budget
    from promptrec.tune.objective import Objective, parse_value
    from promptrec.tune.tune import tune as tune_prompt

    if profile:
        from promptrec.tune.profile import tune_profile

        if scenario or examples or text or items or start or method or reranker:
            raise PromptrecError("--profile learns from people's first events; leave scenario, examples and start out")
        show_made(tune_profile(Recommender.load(workspace), name, below, seed), as_json)
        return
    if reranker:
        from promptrec.tune.reranker import SECONDS, tune_reranker

        if items or start or method or init or value or (relevance, novelty, variety, calibration) != (1, 0, 0, 0):
            raise PromptrecError(
                "--reranker takes --scenario or --examples, --text, --limit and --budget; leave the others out"
            )
        seconds = parse_budget(budget) if budget else SECONDS
        made = tune_reranker(
            Recommender.load(workspace),
            name,
            reranker,
            scenario,
            text,
            seed,
            examples=examples,
            limit=limit,
            seconds=seconds,
        )
        show_made(made, as_json)
        return
    column, weight = parse_value(value) if value else (None, 0.0)
    objective = Objective(relevance, weight, column, novelty, variety, calibration)
    ids = [part.strip() for part in items.split(",") if part.strip()]
    prompt = tune_prompt(
        Recommender.load(workspace),
        name,
        scenario,
        text,
        seed,
        examples=examples,
        items=ids,
        start=start,
        method=method,
        objective=objective,
        limit=limit,
        init=init,
        seconds=parse_budget(budget) if budget else None,
    )
    show_made(prompt, as_json)


def search(
    name: str,
    scenario: ScenarioOption = None,
    examples: ExamplesOption = None,
    text: TextOption = None,
    budget: Annotated[int, typer.Option(help="How many sentences are evaluated.")] = 300,
    protect: Annotated[list[str] | None, typer.Option(help="A phrase that stays as it is; may be repeated.")] = None,
    regression: Annotated[str | None, typer.Option(help="SQL of events that no sentence may do worse on.")] = None,
    rewriter: Annotated[str | None, typer.Option(help="URL of an OpenAI-compatible endpoint, up to /v1.")] = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Search for the sentence that serves a scenario best; the result is plain words."""
    from promptrec.recommender import Recommender
    from promptrec.tune.search import search as search_words

    prompt = search_words(
        Recommender.load(workspace),
        name,
        scenario,
        text,
        seed,
        examples=examples,
        limit=limit,
        budget=budget,
        protect=protect or (),
        regression=regression,
        rewriter=rewriter,
    )
    show_made(prompt, as_json)


def transfer(
    name: str,
    scenario: ScenarioOption = None,
    examples: ExamplesOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Tune a prompt for a new scenario from the saved prompt that does best on its examples."""
    from promptrec.recommender import Recommender
    from promptrec.tune.transfer import transfer as transfer_prompt

    prompt = transfer_prompt(Recommender.load(workspace), name, scenario, seed, examples=examples, limit=limit)
    show_made(prompt, as_json)


def improve(
    name: str,
    target: Annotated[str, typer.Option(help="What to reach on validation people: ndcg@10=0.05")],
    budget: Annotated[str, typer.Option(help="How long to try: 90s, 20m, 1h.")] = "20m",
    scenario: ScenarioOption = None,
    examples: ExamplesOption = None,
    text: TextOption = None,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Reword, search, tune and transfer until a target or the end of the budget; keep the best, then test once."""
    from promptrec.recommender import Recommender
    from promptrec.tune.improve import improve as improve_prompt
    from promptrec.tune.improve import parse_budget, parse_target
    from promptrec.workspace import Workspace

    wanted, seconds = parse_target(target), parse_budget(budget)
    prompt, folder = improve_prompt(
        Recommender.load(workspace),
        Workspace(workspace),
        name,
        wanted,
        seconds,
        scenario,
        text,
        seed,
        examples=examples,
        limit=limit,
    )
    show_made(prompt, as_json)
    if not as_json:
        print(f"report: {folder / 'report.html'}")


MEASURED = {
    "value": "value@10",
    "novelty": "novelty@10",
    "variety": "diversity@10",
    "calibration": "miscalibration@10",
}


def show_made(prompt: Prompt, as_json: bool) -> None:
    """The new version, its words and what it scored; of other objectives than relevance, what each was moved by."""
    document = {"name": prompt.name, "version": prompt.version, "kind": prompt.kind, "words": prompt.words}
    lines = [f"saved {prompt.name} version {prompt.version} ({prompt.kind}): {prompt.words}"]
    asked = prompt.recipe.get("objective", {})
    shown = {"ndcg@10": "NDCG@10", **{metric: metric for term, metric in MEASURED.items() if asked.get(term)}}
    for people in ("validation", "test"):
        scores = prompt.card.get(people) or {}
        for metric, label in shown.items():
            if metric in scores:
                without, steered, change = (scores[metric][key] for key in ("without", "with", "difference"))
                lines.append(
                    f"{people} people: {label} {without['value']:.4f} without, {steered['value']:.4f} with "
                    f"(difference {change['value']:+.4f}, {change['low']:+.4f} to {change['high']:+.4f})"
                )
    show({**document, "recipe": prompt.recipe, "card": prompt.card}, as_json, lines)
