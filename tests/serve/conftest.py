"""A small recommender behind a real uvicorn server."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import polars as pl
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from postgres import PostgresServer, missing

from promptrec.data.dataset import EVENT_COLUMNS, Dataset
from promptrec.data.history import Event
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.recommender import Item, Recommendation, Recommender
from promptrec.serve.app import STATIC, create_app
from promptrec.serve.engine.engine import Engine
from promptrec.serve.page import add_page
from promptrec.serve.search import TitleSearch
from promptrec.serve.security import connections
from promptrec.serve.security.access import Access
from promptrec.serve.security.guard import Guard
from promptrec.serve.server import bind
from promptrec.serve.store import EventStore
from promptrec.serve.store.sqlite import SqliteStore
from promptrec.workspace import Workspace

TITLES = [
    ("50", "Star Wars", ["Action", "Sci-Fi"]),
    ("172", "Empire Strikes Back, The", ["Action", "Sci-Fi"]),
    ("181", "Return of the Jedi", ["Action", "Sci-Fi"]),
    ("evil/1", "<script>alert('x')</script>", ["Horror"]),
    ("7", "Amélie", ["Comedy", "Romance"]),
    ("8", "Some Like It Hot", ["Comedy"]),
    *((str(100 + n), f"Quiet Drama {n}", ["Drama"]) for n in range(14)),
    *((str(200 + n), f"Late Comedy {n}", ["Comedy"]) for n in range(5)),
]


class SmallRecommender:
    """Catalogue order, the genre a request names first; what was seen is left out."""

    def __init__(self) -> None:
        items = pl.DataFrame(
            {
                "id": [id_ for id_, _, _ in TITLES],
                "title": [title for _, title, _ in TITLES],
                "description": ["" for _ in TITLES],
                "genres": [genres for _, _, genres in TITLES],
                "year": [1977.0, *[float("nan")] * (len(TITLES) - 1)],
            }
        )
        events = pl.DataFrame([("ann", "50", 1.0, "view", None, 1.0, None)], schema=EVENT_COLUMNS, orient="row")
        self.dataset = Dataset(events, items)
        self.catalogue = self.dataset.catalogue

    def history_of(self, user_id: str) -> list[Event]:
        return [("50", 1.0, "view")] if user_id == "ann" else []

    def prompts(self) -> list[dict[str, Any]]:
        return [{"name": "five", "version": 1, "kind": "soft", "words": "loved films", "active": True, "bytes": 9}]

    def recommend(
        self,
        history: Sequence[str | Event] = (),
        request: str | None = None,
        prompt: str | None = None,
        k: int = 10,
        **_: Any,
    ) -> Recommendation:
        if request == "explode":
            raise ZeroDivisionError("a secret of the inside")
        if prompt not in (None, "five"):
            raise NotFoundError(f"prompt {prompt!r} is not in this workspace; there are: five")
        if not 1 <= k <= len(self.catalogue):
            raise PromptrecError(f"k: expected 1 to {len(self.catalogue)}, found {k}")
        known, ignored = self.catalogue.history(history)
        if ignored and not len(known):
            raise PromptrecError(f"history: none of its {len(ignored)} ids is in the catalogue")
        wanted = "Comedy" if request and ("comedy" in request.lower() or "喜剧" in request) else None
        rows = [row for row in range(len(self.catalogue)) if row not in set(known.rows.tolist())]
        rows.sort(key=lambda row: wanted not in TITLES[row][2] if wanted else 0)
        because = tuple(f"because of {self.catalogue.title(int(row))}" for row in known.rows[-1:])
        if request:
            because = (f"fits your request “{request}”", *because)
        items = tuple(Item(TITLES[row][0], TITLES[row][1], 1 - row / 100, because) for row in rows[:k])
        used = ({"name": prompt, "version": 1, "weight": 1.0},) if prompt else ()
        return Recommendation(items, used, request, tuple(ignored))


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


@pytest.fixture
def recommender() -> Recommender:
    """A small one, or that of the workspace which PROMPTREC_WORKSPACE names (for the screenshot)."""
    if place := os.environ.get("PROMPTREC_WORKSPACE"):
        return Recommender.load(place)
    return cast(Recommender, SmallRecommender())


class SmallEngine:
    """What the page sees of an engine."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self.deleted = frozenset[str]()
        self.hidden: tuple[str, ...] = ()
        self.search = TitleSearch(recommender.catalogue)

    @property
    def current(self) -> SmallEngine:
        return self


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


@pytest.fixture
def address(recommender: Recommender) -> Iterator[str]:
    """The page alone, over the small recommender."""
    app = FastAPI(docs_url=None)
    app.add_middleware(Guard, access=Access(None, local=True))
    add_page(app, cast(Engine, SmallEngine(recommender)))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    with answering(app) as address:
        yield address


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
