"""Run the service over a workspace."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import torch
import uvicorn

from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.recommender import Recommender
from promptrec.serve.app import create_app
from promptrec.serve.store.sqlite import SqliteStore
from promptrec.workspace import Workspace

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(workspace: Path, port: int = 8000, host: str = "127.0.0.1") -> None:
    """Serve a workspace until it is interrupted.

    Raises PromptrecError, before anything is loaded, for a port in use or a host that is not this machine.
    """
    listening = _bind(host, port)
    try:
        recommender = Recommender.load(workspace)
        store = SqliteStore(Workspace(Path(workspace)).state)
        try:
            torch.set_num_threads(1)
            app = create_app(recommender, store)
            say(f"promptrec answers at http://{host}:{listening.getsockname()[1]} (Ctrl-C ends it)")
            with contextlib.suppress(KeyboardInterrupt):
                uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listening])
        finally:
            store.close()
    finally:
        listening.close()


def _bind(host: str, port: int) -> socket.socket:
    if host not in LOOPBACK:
        raise PromptrecError(f"host {host!r}: this service has no login; it listens on {', '.join(LOOPBACK)} only")
    if not 0 <= port <= 65_535:
        raise PromptrecError(f"--port: expected 0 to 65535, found {port}")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise PromptrecError(
            f"port {port} cannot be used ({error.strerror}); end what listens there or choose another with --port"
        ) from None
    return listening
