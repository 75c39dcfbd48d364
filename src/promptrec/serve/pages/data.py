"""The Data view: what the import kept, the long tail, who and what is cold, and a look into any item or person."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from promptrec.data.dataset import Dataset
from promptrec.data.describe import FEW, describe
from promptrec.data.history import Event
from promptrec.serve.engine.engine import MOST_LIVE, Engine
from promptrec.serve.pages.asked import Asked
from promptrec.serve.pages.finding import find
from promptrec.serve.pages.pictures import picture_of
from promptrec.serve.pages.plots import bars
from promptrec.serve.pages.rendering import plain_attributes, render
from promptrec.serve.pages.routing import page_router
from promptrec.serve.store import StoreUnavailableError
from promptrec.workspace import read_json

TAIL_BARS = 60
MOST_EVENTS = 100
ALIKE = 8


class Facts:
    """What `describe` finds in a dataset, found once."""

    def __init__(self) -> None:
        self._known: tuple[Dataset, dict[str, Any]] | None = None

    def of(self, dataset: Dataset) -> dict[str, Any]:
        if self._known is None or self._known[0] is not dataset:
            self._known = (dataset, {**describe(dataset), "tail": tail(dataset)})
        return self._known[1]


def tail(dataset: Dataset) -> list[float]:
    """Events on an item, mean of each of up to 60 equal groups of items, those with most of them first."""
    counts = np.sort(np.bincount(dataset.histories.rows, minlength=len(dataset.catalogue)))[::-1]
    return [float(group.mean()) for group in np.array_split(counts, min(TAIL_BARS, len(counts))) if len(group)]


def data_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    facts = Facts()

    @routes.get("/data")
    def data(http: Request, q: str = "") -> HTMLResponse:
        release = engine.current
        known = facts.of(release.base.dataset)
        file = engine.workspace.dataset / "cleaning.json"
        cleaning = read_json(file, "cleaning report") if file.exists() else None
        over_time = ((cleaning or {}).get("facts") or {}).get("events_over_time") or {
            "events": [],
            "from": [],
            "to": [],
        }
        return render(
            http,
            "data.html",
            facts=known,
            few=FEW,
            tail=bars(known["tail"]),
            cleaning=cleaning,
            over_time=over_time,
            time_bars=bars(over_time["events"]),
            q=q,
            found=find(release, q, Asked()) if q else None,
        )

    @routes.get("/page/look")
    def look(http: Request, q: str = "") -> HTMLResponse:
        return render(http, "look.html", q=q.strip(), found=find(engine.current, q, Asked()))

    @routes.get("/data/items/{item_id:path}")
    def item(http: Request, item_id: str) -> HTMLResponse:
        recommender = engine.current.recommender
        catalogue = recommender.catalogue
        row = catalogue.row(item_id)
        known = catalogue.describe(row)
        return render(
            http,
            "item.html",
            id=item_id,
            title=catalogue.title(row),
            description=known.get("description") or "",
            picture=picture_of(catalogue, row, engine.workspace.dataset) is not None,
            deleted=item_id in engine.current.deleted,
            attributes=plain_attributes({name: known[name] for name in catalogue.attributes}),
            events=int((recommender.dataset.histories.rows == row).sum()),
            alike=recommender.similar(item_id, min(ALIKE, len(catalogue) - 1)) if len(catalogue) > 1 else (),
        )

    @routes.get("/data/people/{user_id:path}")
    def person(http: Request, user_id: str) -> HTMLResponse:
        recommender = engine.current.recommender
        events: list[Event] = list(recommender.history_of(user_id))
        live: list[Event] = []
        away = False
        try:
            live = [(one.item_id, one.time, one.kind) for one in engine.store.history(user_id, MOST_LIVE)]
        except StoreUnavailableError:
            away = True
        catalogue = recommender.catalogue
        shown = list(reversed([*events, *live]))[:MOST_EVENTS]
        rows = catalogue.rows([id_ for id_, _, _ in shown]).tolist()
        titles = [catalogue.title(row) if row >= 0 else id_ for row, (id_, _, _) in zip(rows, shown, strict=True)]
        return render(
            http,
            "person.html",
            id=user_id,
            attributes=plain_attributes(_user(recommender.dataset, user_id)),
            events=len(events),
            live=len(live),
            away=away,
            shown=[(id_, title, when) for title, (id_, when, _) in zip(titles, shown, strict=True)],
            few=FEW,
        )

    return routes


def _user(dataset: Dataset, user_id: str) -> dict[str, Any]:
    """The attributes of a person, none where they are unknown."""
    if dataset.users is None:
        return {}
    found = dataset.users.filter(dataset.users["id"] == user_id).rows(named=True)
    return {name: value for name, value in found[0].items() if name != "id"} if found else {}
