"""Run the service over a workspace: one process, or several workers on one port."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptrec.errors import PromptrecError
from promptrec.progress import say
from promptrec.serve.store.contract import Durability
from promptrec.workspace import Workspace

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from promptrec.index.contract import Kind

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEYS = "keys.json"
COLLECTED_AFTER = 20_000  # new objects: a call makes few that point in circles
STOP_SECONDS = 35.0
MOST_WORKERS = 64
SUPERVISED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
SWITCH_SECONDS = 1e-3  # Python's 5 ms would let the event loop keep the model's thread from its many short products


@dataclass(frozen=True)
class ServeSettings:
    """store: a URL, None for `state.db` in the workspace; workers: processes on one port; insecure: let a service that
    other machines reach run without keys; index: how items are found, by their number where None.
    """

    workspace: Path
    port: int = 8000
    host: str = "127.0.0.1"
    store: str | None = None
    durability: Durability = "full"
    workers: int = 1
    insecure: bool = False
    index: Kind | None = None


def serve(workspace: Path, port: int = 8000, host: str = "127.0.0.1") -> None:
    """Serve a workspace with the default settings until it is interrupted."""
    run(ServeSettings(Path(workspace), port, host))


def run(settings: ServeSettings) -> None:
    """Serve until interrupted (SIGINT or SIGTERM); calls that are being answered are finished first.

    Raises PromptrecError, before anything is loaded, for a port in use, or an address that other machines reach where
    there are no keys; afterwards for whatever of the workspace cannot be read.
    """
    if not 1 <= settings.workers <= MOST_WORKERS:
        raise PromptrecError(f"--workers: expected 1 to {MOST_WORKERS}, found {settings.workers}")
    _check_keys(settings)
    listening = bind(settings.host, settings.port)
    try:
        if settings.workers == 1:
            work(settings, listening)
        else:
            _supervise(settings, listening)
    finally:
        listening.close()


def work(settings: ServeSettings, listening: socket.socket) -> None:
    """One process's whole life: load, answer, finish, let go. Where nothing is trained, it says so until then."""
    import torch
    import uvicorn

    from promptrec.serve.app import create_app
    from promptrec.serve.engine.engine import Engine
    from promptrec.serve.pages.untrained import UntilTrained, is_trained
    from promptrec.serve.security import connections
    from promptrec.serve.security.access import Access
    from promptrec.serve.security.keys import KeyRing
    from promptrec.serve.store import open_store, store_name

    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING)
    torch.set_num_threads(1)
    connections.make_room()
    place = Workspace(settings.workspace)
    keys = KeyRing(place.root / KEYS)
    access = Access(keys if keys.keys() else None, _local(settings.host) and not keys.keys(), settings.workers)
    held = contextlib.ExitStack()

    def service() -> ASGIApp:
        with contextlib.ExitStack() as opened:
            store = open_store(settings.store or f"sqlite:///{place.state.absolute()}", settings.durability)
            opened.callback(store.close)
            engine = Engine(place, store, store_name(settings.store), settings.index)
            opened.callback(engine.close)
            app = create_app(engine, access)
            held.push(opened.pop_all())
        return app

    with held:
        held.callback(signal.signal, signal.SIGTERM, signal.getsignal(signal.SIGTERM))  # after all else is closed
        waiting = None if is_trained(place) else UntilTrained(place, access, service)
        app = waiting or service()
        does = "answers" if waiting is None else "has nothing trained yet and says what to do"
        say(f"promptrec {does} at http://{settings.host}:{listening.getsockname()[1]} (Ctrl-C ends it)")
        sys.setswitchinterval(SWITCH_SECONDS)
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER)
        # uvicorn finishes what is being answered before it passes the signal on.
        try:
            with contextlib.suppress(KeyboardInterrupt):
                signal.signal(signal.SIGTERM, signal.default_int_handler)
                config = uvicorn.Config(app, log_level="warning", **connections.options())
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # told twice, as by systemd, it still closes its store
            if waiting is not None:
                waiting.close()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PromptrecError for a port in use or an address that this machine does not have."""
    if not 0 <= port <= 65_535:
        raise PromptrecError(f"--port: expected 0 to 65535, found {port}")
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1_024)
    except OSError as error:
        listening.close()
        raise PromptrecError(
            f"{host}, port {port} cannot be used ({error.strerror}); end what listens there or choose another --port"
        ) from None
    return listening


def _local(host: str) -> bool:
    return host in LOOPBACK


def _check_keys(settings: ServeSettings) -> None:
    from promptrec.serve.security.keys import KeyRing

    if not _local(settings.host) and not settings.insecure and not KeyRing(settings.workspace / KEYS).keys():
        raise PromptrecError(
            f"--host {settings.host}: other machines reach this address and there are no keys; make one with "
            "`promptrec keys create NAME --scopes read,write`, or say --insecure"
        )


def _supervise(settings: ServeSettings, listening: socket.socket) -> None:
    """Keep `workers` processes on one socket: one that dies is replaced, one that cannot start ends all."""
    # Signals wait until they are asked for: a handler could run between a worker's end and the start of the next one.
    signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISED)
    with tempfile.TemporaryDirectory(prefix="promptrec-metrics-") as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = metrics
        started: dict[int, float] = {}
        told = failed = False
        for _ in range(settings.workers):
            _fork(settings, listening, started)
        while started:
            end = signal.sigwait(SUPERVISED) != signal.SIGCHLD
            for pid, status in _ended():
                since = started.pop(pid, None)  # as a container's first process it inherits others' children too
                if told or since is None:
                    continue
                if os.waitstatus_to_exitcode(status) == 2 and time.monotonic() - since < STOP_SECONDS:
                    end = failed = True
                if not end:
                    say(f"worker {pid} ended ({os.waitstatus_to_exitcode(status)}); another takes its place")
                    _fork(settings, listening, started)
            if end and not told:
                told = True
                for pid in started:
                    os.kill(pid, signal.SIGTERM)
        if failed:
            raise PromptrecError("a worker could not start; its message is above")


def _ended() -> Iterator[tuple[int, int]]:
    """The children that have ended, as `os.wait` gives them."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def _fork(settings: ServeSettings, listening: socket.socket, started: dict[int, float]) -> None:
    pid = os.fork()
    if pid:
        started[pid] = time.monotonic()
        return
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor passes Ctrl-C on as SIGTERM
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISED)
        work(settings, listening)
        status = 0
    except PromptrecError as error:
        say(f"promptrec: {error}")
        status = 2
    except BaseException:
        logging.exception("a worker failed")
    finally:
        os._exit(status)
