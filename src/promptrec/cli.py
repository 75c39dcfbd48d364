"""One verb a job. Results go to stdout, progress to stderr; a user's error is one line and exit status 2."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace

app = typer.Typer(
    help="A recommender that is trained once, frozen, and then steered by prompts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Fetch, import and describe data.", no_args_is_help=True)
prompts_app = typer.Typer(help="List, show, activate and delete saved prompts.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(prompts_app, name="prompts")

WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", help="The folder that all verbs share.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SeedOption = Annotated[int, typer.Option(help="The one seed of all randomness.")]
DEFAULT = Path("workspace")


def show(document: Any, as_json: bool, lines: list[str]) -> None:
    """Print the document, or the lines that say the same to a person."""
    print(json.dumps(document, ensure_ascii=False, indent=1) if as_json else "\n".join(lines))


@data_app.command("fetch")
def data_fetch(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Fetch a built-in data set (movielens-100k) and clean it."""
    from promptrec.data.describe import describe
    from promptrec.data.sources import fetch

    facts = describe(fetch(name, Workspace(workspace)))
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])


@data_app.command("import")
def data_import(
    events: Annotated[Path, typer.Option(help="Who did what: CSV (also gzip), Parquet, JSON lines, RecBole atomic.")],
    items: Annotated[Path | None, typer.Option(help="The catalogue.")] = None,
    users: Annotated[Path | None, typer.Option(help="Attributes of people.")] = None,
    list_separator: Annotated[str | None, typer.Option(help="What separates the words of a list attribute.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Accept the columns that were guessed.")] = False,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Import a team's own files, cleaned; what was left out and why is reported."""
    from promptrec.data.describe import describe
    from promptrec.data.importing import import_dataset

    dataset = import_dataset(
        Workspace(workspace), events, items, users, list_separator=list_separator, assume_yes=yes or as_json
    )
    facts = describe(dataset)
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])


@data_app.command("describe")
def data_describe(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """What a person wants to know first about the workspace's data."""
    from promptrec.data.dataset import Dataset
    from promptrec.data.describe import describe

    facts = describe(Dataset.load(Workspace(workspace).dataset))
    show(facts, as_json, [f"{key}: {value}" for key, value in facts.items()])


@app.command()
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


@app.command()
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


@app.command()
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


@app.command()
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


@prompts_app.command("list")
def prompts_list(workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Every saved version; * marks the one its name resolves to."""
    found = _library(workspace).describe()
    lines = [f"{'*' if card['active'] else ' '} {card['name']} {card['version']}: {card['words']}" for card in found]
    show(found, as_json, lines or ["no prompts yet; make one with `promptrec tune NAME --scenario …`"])


@prompts_app.command("show")
def prompts_show(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """The cards of a prompt's versions."""
    library = _library(workspace)
    library.versions(name)
    found = [card for card in library.describe() if card["name"] == name]
    show(found, as_json, [json.dumps(card, ensure_ascii=False, indent=1) for card in found])


@prompts_app.command("activate")
def prompts_activate(
    name: str, version: int, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False
) -> None:
    """Let a name resolve to one of its versions."""
    _library(workspace).activate(name, version)
    show({"name": name, "version": version}, as_json, [f"{name} is now version {version}"])


@prompts_app.command("delete")
def prompts_delete(name: str, workspace: WorkspaceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Delete a prompt with all its versions."""
    _library(workspace).delete(name)
    show({"deleted": name}, as_json, [f"deleted {name}"])


def _library(workspace: Path) -> Any:
    from promptrec.prompt.library import PromptLibrary

    return PromptLibrary(Workspace(workspace).prompts)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000, workspace: WorkspaceOption = DEFAULT
) -> None:
    """Serve recommendations and the page at http://127.0.0.1:PORT."""
    from promptrec.serve.server import serve as run

    run(workspace, port)


@app.command()
def demo(
    no_serve: Annotated[bool, typer.Option("--no-serve", help="End after the evaluation.")] = False,
    port: Annotated[int, typer.Option(help="The port to serve at.")] = 8000,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """The whole path on MovieLens-100K: fetch, train, steer, tune, evaluate, serve."""
    import promptrec.demo

    report = promptrec.demo.demo(Workspace(workspace), seed)
    if as_json:
        show(report, True, [])
    if not no_serve:
        from promptrec.serve.server import serve as run

        run(workspace, port)


def main() -> None:
    """Entry point: turns a user's error into one line and exit status 2."""
    try:
        app()
    except PromptrecError as error:
        print(f"promptrec: {error}", file=sys.stderr)
        sys.exit(2)
