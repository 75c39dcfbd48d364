"""`promptrec serve` and `promptrec demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from promptrec.cli.options import DEFAULT, JsonOption, SeedOption, WorkspaceOption, show
from promptrec.workspace import Workspace


def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000, workspace: WorkspaceOption = DEFAULT
) -> None:
    """Serve recommendations and the page at http://127.0.0.1:PORT."""
    from promptrec.serve.server import serve as run

    run(workspace, port)


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
