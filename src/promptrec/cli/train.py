"""`promptrec train` and `evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, SeedOption, WorkspaceOption, show
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace


def train(
    people_out: Annotated[float, typer.Option(help="Share of people kept out, to tune and test prompts on.")] = 0.2,
    items_out: Annotated[
        float, typer.Option(help="Share of items kept out of training, for `evaluate --protocol cold-items`.")
    ] = 0.0,
    split: Annotated[
        str, typer.Option(help="Events kept out: leave-one-out (the last two) or time (all after a moment).")
    ] = "leave-one-out",
    lexical: Annotated[
        float, typer.Option(help="Share of a request's words (BM25) against its meaning, 0 (off) to 1.")
    ] = 0.0,
    backbone: Annotated[str, typer.Option(help="The kind of model: sequence, factorization or language.")] = "sequence",
    model: Annotated[
        str | None,
        typer.Option(help="What --backbone language reads with: a packaged model, a folder, a Hugging Face name."),
    ] = None,
    search: Annotated[
        int,
        typer.Option(help="Try so many settings with Optuna and keep the best on validation; 0 takes the defaults."),
    ] = 0,
    members: Annotated[
        int, typer.Option(help="Networks to train, whose mean is the model: more accurate, as many times the work.")
    ] = 1,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="What makes vectors of items where not the default: KIND or KIND:MODEL; may be repeated."),
    ] = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Train the general model and its request encoder, once; afterwards both are frozen."""
    import promptrec.language_training
    import promptrec.training

    if backbone == "language":
        _only_words(items_out, split, search, members, encoder)
        recommender = promptrec.language_training.train_language(Workspace(workspace), model, people_out, seed, lexical)
        facts = {"backbone": recommender.backbone.name, "fingerprint": recommender.backbone.fingerprint}
        show(facts, as_json, [f"frozen: {facts['backbone']} {facts['fingerprint'][:12]}"])
        return
    if model is not None:
        raise PromptrecError(f"--model: it is for --backbone language, found --backbone {backbone}; leave it out")
    recommender = promptrec.training.train(
        Workspace(workspace), people_out, seed, lexical, backbone, items_out, split, search, encoder or (), members
    )
    facts = {"backbone": recommender.backbone.name, "fingerprint": recommender.backbone.fingerprint}
    show(facts, as_json, [f"trained and frozen: {facts['backbone']} {facts['fingerprint'][:12]}"])


def _only_words(items_out: float, split: str, search: int, members: int, encoder: list[str] | None) -> None:
    given = {
        "--items-out": items_out,
        "--split": split != "leave-one-out",
        "--search": search,
        "--members": members != 1,
        "--encoder": encoder,
    }
    for option, there in given.items():
        if there:
            raise PromptrecError(f"{option}: the language backbone is not trained on events; leave it out")


def evaluate(
    prompt: Annotated[str | None, typer.Option(help="Also evaluate this prompt.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="leave-one-out, time, cold-people, cold-items or scenario; else what was trained for."),
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="SQL over events joined with items: rating = 5")] = None,
    against: Annotated[
        str | None, typer.Option(help="The model that the others are compared with; else the workspace's own.")
    ] = None,
    baselines: Annotated[
        str | None, typer.Option(help="Names with commas between, or all; else seven that are quickly fitted.")
    ] = None,
    seen: Annotated[str, typer.Option(help="Items a person already has: exclude or include.")] = "exclude",
    slices: Annotated[
        list[str] | None, typer.Option("--slice", help="An attribute of items or users to report separately.")
    ] = None,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Evaluate on the full catalogue against the baselines; writes report.html and report.json."""
    from promptrec.recommender import Recommender
    from promptrec.report import evaluate as evaluate_all
    from promptrec.report import named

    report, folder = evaluate_all(
        Recommender.load(workspace),
        Workspace(workspace),
        prompt,
        seed,
        protocol=protocol,
        scenario=scenario,
        against=against,
        seen=seen,
        baselines=named(baselines),
        slices=slices or (),
    )
    rows = []
    for model in report["models"]:
        found = model["metrics"]["ndcg@10"]
        rows.append(f"{model['name']:24} NDCG@10 {found['value']:.4f} ({found['low']:.4f} to {found['high']:.4f})")
    show(report, as_json, [*rows, f"report: {folder / 'report.html'}"])
