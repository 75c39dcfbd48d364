"""`promptrec serve` and `promptrec demo`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, cast

import typer

from promptrec.cli.options import DEFAULT, JsonOption, SeedOption, WorkspaceOption, show
from promptrec.errors import PromptrecError
from promptrec.workspace import Workspace

if TYPE_CHECKING:
    from promptrec.index.contract import Kind
    from promptrec.serve.store import Durability


def serve(
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="The address; one that others reach needs keys.")] = "127.0.0.1",
    store: Annotated[
        str | None, typer.Option(help="sqlite:///FILE or postgresql://…; else state.db in the workspace.")
    ] = None,
    durability: Annotated[
        str,
        typer.Option(
            help="full: an acknowledged event survives a power cut. fast: it may be lost in the second before one."
        ),
    ] = "full",
    workers: Annotated[int, typer.Option(help="Processes that share the port.")] = 1,
    index: Annotated[
        str | None, typer.Option(help="exact, int8 or binary; else exact up to 200,000 items and int8 above.")
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="Let others reach it without keys.")] = False,
    workspace: WorkspaceOption = DEFAULT,
) -> None:
    """Serve recommendations and the page at http://HOST:PORT."""
    from promptrec.serve.server import ServeSettings, run

    if durability not in ("full", "fast"):
        raise PromptrecError(f"--durability: expected full or fast, found {durability!r}")
    if index not in (None, "exact", "int8", "binary"):
        raise PromptrecError(f"--index: expected exact, int8 or binary, found {index!r}")
    # The URL may hold a password; the environment keeps it out of the list of processes.
    url = store or os.environ.get("PROMPTREC_STORE")
    run(
        ServeSettings(
            workspace, port, host, url, cast("Durability", durability), workers, insecure, cast("Kind | None", index)
        )
    )


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
