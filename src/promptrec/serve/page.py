"""The page at `/`: build a history, type a request, see both lists side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from promptrec.errors import PromptrecError
from promptrec.recommender import Item, Recommender
from promptrec.serve.engine.engine import Engine
from promptrec.serve.schemas import MOST_HISTORY, MOST_REQUEST

SHOWN = 10
LOOKED_AT = 100  # how far down the list without the request an item's old rank is looked for
MOST_WORDS = 6
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True)
class Card:
    """One recommended item on the page; moved: how the request changed its rank, in words, where it went up."""

    rank: int
    title: str
    words: tuple[str, ...]
    reasons: tuple[str, ...]
    moved: str | None = None


@dataclass(frozen=True)
class Chip:
    """One item of the history and the query string of the page without it."""

    id: str
    title: str
    left: str


def add_page(app: FastAPI, engine: Engine) -> None:
    """Add the page, its search and the list of endpoints to `app`."""

    @app.get("/", include_in_schema=False)
    def page(http: Request, h: str = "", request: str = "") -> HTMLResponse:
        release = engine.current
        recommender, catalogue = release.recommender, release.recommender.catalogue
        hidden: dict[str, Any] = {"exclude": list(release.hidden)} if release.hidden else {}
        request = request.strip()
        ids, problems = _history(h), []
        unknown = [id_ for id_ in ids if catalogue.rows([id_])[0] < 0]
        ids = [id_ for id_ in ids if id_ not in unknown]
        if unknown:
            problems.append(f"Not in the catalogue, left out: {', '.join(unknown[:5])}")
        if len(ids) > MOST_HISTORY:
            ids = ids[-MOST_HISTORY:]
            problems.append(f"Only the latest {MOST_HISTORY:,} of the history are used.")
        if len(request) > MOST_REQUEST:
            problems.append(f"The request has {len(request):,} characters; at most {MOST_REQUEST:,} are taken.")
            request = ""
        before: list[Card] = []
        after: list[Card] = []
        try:
            if ids or request:
                plain = recommender.recommend(ids, k=min(LOOKED_AT, len(catalogue)), **hidden).items
                before = _cards(recommender, plain[:SHOWN])
            if request:
                steered = recommender.recommend(ids, request, k=min(SHOWN, len(catalogue)), **hidden).items
                after = _cards(recommender, steered, plain)
        except PromptrecError as error:
            problems.append(str(error))
        html = _templates.get_template("page.html").render(
            ids=ids,
            chips=[Chip(i, catalogue.title(catalogue.row(i)), _state([o for o in ids if o != i], "")) for i in ids],
            request=request,
            most=MOST_REQUEST,
            before=before,
            after=after,
            moved=sum(card.moved is not None for card in after),
            problems=problems,
            count=len(catalogue),
            searching=(not ids and not request) or http.headers.get("hx-trigger", "").startswith(("add-", "drop-")),
        )
        return HTMLResponse(html)

    @app.get("/page/search", include_in_schema=False)
    def found(q: Annotated[str, Query(max_length=200)] = "", h: str = "", request: str = "") -> HTMLResponse:
        ids, release = _history(h), engine.current
        left_out = {*ids, *release.deleted}
        found = [(id_, title) for id_, title in release.search.find(q) if id_ not in left_out]
        results = [Chip(id_, title, _state([*ids, id_], request)) for id_, title in found]
        return HTMLResponse(_templates.get_template("found.html").render(q=q.strip(), results=results))

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        schema = app.openapi()
        endpoints = [
            (method.upper(), path, operation.get("summary", ""), operation.get("description", ""))
            for path, methods in schema["paths"].items()
            for method, operation in methods.items()
        ]
        return HTMLResponse(_templates.get_template("docs.html").render(endpoints=endpoints))


def _history(h: str) -> list[str]:
    return list(dict.fromkeys(id_ for id_ in h.split(",") if id_))


def _state(ids: Sequence[str], request: str) -> str:
    state = {"h": ",".join(ids), "request": request.strip()}
    return urlencode({name: value for name, value in state.items() if value})


def _cards(recommender: Recommender, items: Sequence[Item], before: Sequence[Item] | None = None) -> list[Card]:
    ranks = {item.id: rank for rank, item in enumerate(before or (), start=1)}
    cards = []
    for rank, item in enumerate(items, start=1):
        moved = None
        if before is not None and ranks.get(item.id, len(ranks) + 1) > rank:
            moved = f"up from {ranks[item.id]}" if item.id in ranks else f"new, was below {len(ranks)}"
        cards.append(Card(rank, item.title, _words(recommender, item.id), item.reasons, moved))
    return cards


def _words(recommender: Recommender, id_: str) -> tuple[str, ...]:
    catalogue = recommender.catalogue
    known = catalogue.describe(catalogue.row(id_))
    year = known.get("year")
    words = [f"{year:.0f}"] if isinstance(year, int | float) and math.isfinite(year) else []
    for name in catalogue.word_attributes:
        value = known[name] or []
        words += [value] if isinstance(value, str) else value
    return tuple(dict.fromkeys(words))[:MOST_WORDS]
