"""One verb a job. Results go to stdout, progress to stderr; a user's error is one line and exit status 2."""

from __future__ import annotations

import sys

import typer

from promptrec.cli import data, init, keys, models, prompts, recommend, serve, train, tune
from promptrec.errors import PromptrecError

app = typer.Typer(
    help="A recommender that is trained once, frozen, and then steered by prompts.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.add_typer(models.app, name="models")
app.add_typer(prompts.app, name="prompts")
app.add_typer(keys.app, name="keys")
for verb in (
    init.init,
    train.train,
    tune.tune,
    tune.search,
    tune.transfer,
    tune.improve,
    train.evaluate,
    recommend.recommend,
    serve.serve,
    serve.demo,
):
    app.command()(verb)


def main() -> None:
    """Entry point: turns a user's error into one line and exit status 2."""
    try:
        app()
    except PromptrecError as error:
        print(f"promptrec: {error}", file=sys.stderr)
        sys.exit(2)
