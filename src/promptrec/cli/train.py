"""`promptrec train`, `tune` and `evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, SeedOption, WorkspaceOption, show
from promptrec.workspace import Workspace


def train(
    people_out: Annotated[float, typer.Option(help="Share of people kept out, to tune and test prompts on.")] = 0.2,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Train the general model and its request encoder, once; afterwards both are frozen."""
    import promptrec.training

    recommender = promptrec.training.train(Workspace(workspace), people_out, seed)
    facts = {"backbone": recommender.backbone.name, "fingerprint": recommender.backbone.fingerprint}
    show(facts, as_json, [f"trained and frozen: {facts['backbone']} {facts['fingerprint'][:12]}"])


def tune(
    name: str,
    scenario: Annotated[str, typer.Option(help="SQL over events joined with items: rating = 5")],
    text: Annotated[str | None, typer.Option(help="Words that the prompt starts from.")] = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Tune a prompt for a scenario by gradient descent on the prompt alone."""
    from promptrec.recommender import Recommender
    from promptrec.tune.tune import tune as tune_prompt

    prompt = tune_prompt(Recommender.load(workspace), name, scenario, text, seed)
    document = {"name": prompt.name, "version": prompt.version, "recipe": prompt.recipe, "card": prompt.card}
    show(document, as_json, [f"saved {prompt.name} version {prompt.version}", f"test people: {prompt.card['test']}"])


def evaluate(
    prompt: Annotated[str | None, typer.Option(help="Also evaluate this prompt.")] = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Evaluate on the full catalogue against the baselines; writes report.html and report.json."""
    from promptrec.recommender import Recommender
    from promptrec.report import evaluate as evaluate_all

    report, folder = evaluate_all(Recommender.load(workspace), Workspace(workspace), prompt, seed)
    rows = [f"{model['name']:24} NDCG@10 {model['metrics']['ndcg@10']['value']:.4f}" for model in report["models"]]
    show(report, as_json, [*rows, f"report: {folder / 'report.html'}"])
