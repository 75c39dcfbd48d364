"""A small recommender behind a real uvicorn server."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn
from browsing import browser, page, site  # noqa: F401
from fastapi import FastAPI
from postgres import PostgresServer, missing

from promptrec.recommender import Recommender
from promptrec.serve.app import create_app
from promptrec.serve.engine.engine import Engine
from promptrec.serve.security import connections
from promptrec.serve.security.access import Access
from promptrec.serve.server import bind
from promptrec.serve.store import EventStore
from promptrec.serve.store.sqlite import SqliteStore
from promptrec.workspace import Workspace


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the whole run; who stops it starts it again."""
    if (reason := missing()) and "CI" not in os.environ:
        pytest.skip(reason)
    server = PostgresServer.make()
    server.start()
    yield server
    server.stop()
    server.remove()


@contextmanager
def answering(app: FastAPI) -> Iterator[str]:
    """The address of a real server over `app`."""
    listening = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", **connections.options()))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def trained_service(tmp_path_factory: pytest.TempPathFactory, trained: Path) -> Path:
    """A workspace of the small world with two saved prompts, to be copied."""
    place = tmp_path_factory.mktemp("service") / "workspace"
    shutil.copytree(trained, place)
    shutil.rmtree(place / "prompts", ignore_errors=True)
    recommender = Recommender.load(place)
    for name, words in (("wars", "war"), ("laughs", "comedy")):
        recommender.library.save(recommender.requests.prompt(words, name))
    return place


@pytest.fixture
def workspace(tmp_path: Path, trained_service: Path) -> Path:
    """A copy that a test may change."""
    shutil.copytree(trained_service, tmp_path / "workspace")
    return tmp_path / "workspace"


@contextmanager
def running(workspace: Path, access: Access | None = None, store: EventStore | None = None) -> Iterator[Service]:
    """The real service over a workspace."""
    events = store or SqliteStore(workspace / "state.db")
    engine = Engine(Workspace(workspace), events)
    # The text encoder is there from the beginning: loading it parses, which Python 3.11 cannot do in two threads.
    engine.current.test_words()
    with (
        answering(create_app(engine, access or Access(None, local=True))) as address,
        httpx.Client(base_url=address, trust_env=False, timeout=30) as client,
    ):
        yield Service(workspace, address, engine, client)
    engine.close()
    events.close()


@dataclass
class Service:
    workspace: Path
    address: str
    engine: Engine
    client: httpx.Client


@pytest.fixture
def service(workspace: Path) -> Iterator[Service]:
    with running(workspace) as service:
        yield service


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, trained_service: Path) -> Iterator[Service]:
    """One service for tests that leave it as they found it."""
    place = tmp_path_factory.mktemp("shared") / "workspace"
    shutil.copytree(trained_service, place)
    with running(place) as service:
        yield service


@pytest.fixture
def client(shared: Service) -> httpx.Client:
    return shared.client
