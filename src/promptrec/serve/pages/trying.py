"""The Try view, at `/`: a history, a request and prompts in; up to three lists side by side out."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import ValidationError
from starlette.datastructures import QueryParams

from promptrec.errors import PromptrecError
from promptrec.serve.engine.engine import MOST_LIVE, Engine
from promptrec.serve.engine.release import Release
from promptrec.serve.pages.asked import MOST_COLUMNS, Asked, acts
from promptrec.serve.pages.cards import Card, cards
from promptrec.serve.pages.finding import find, samples
from promptrec.serve.pages.reasons import in_words
from promptrec.serve.pages.rendering import Words, go, render, words_of
from promptrec.serve.pages.routing import page_router
from promptrec.serve.pages.steering import MOST_PARTS, PLAIN, WORDS, Steering
from promptrec.serve.pages.uploads import Uploads
from promptrec.serve.schemas import MOST_HISTORY, MOST_REQUEST, RecommendIn
from promptrec.serve.store import StoreUnavailableError

SHOWN = 10
LOOKED_AT = 100  # how far down the first list an item's rank there is looked for
CHIPS = 12


@dataclass(frozen=True)
class Column:
    """One list. gone: titles of the first list that it does not have."""

    steering: str
    cards: Sequence[Card] = ()
    problem: str = ""
    notes: Sequence[str] = ()
    waits: bool = False  # for the words of a request
    gone: Sequence[str] = ()

    @property
    def moved(self) -> int:
        return sum(card.moved in ("up", "new") for card in self.cards)


def try_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    uploads = Uploads(engine.workspace)

    @routes.get("/")
    async def page(http: Request) -> Response:
        asked = Asked.of(http.query_params)
        if "hx-request" not in http.headers and acts(http.query_params):
            return go(f"/?{asked.query()}")
        release, words = engine.current, words_of(http)
        asked, problems = checked(asked, release, words)
        if asked.picture and uploads.find(asked.picture) is None:
            problems.append(words("picture.gone"))
            asked = replace(asked, picture="")
        if "unread" in http.query_params:
            problems.append(words("picture.unread"))
        history = await history_of(engine, release, asked)
        columns = await lists(engine, release, asked, history, words) if not asked.empty else []
        # A search ends with the choice of what it found.
        q = "" if acts(http.query_params) else http.query_params.get("q", "")
        response = render(
            http,
            "try.html",
            asked=asked,
            history=_chips(release, asked.history[-CHIPS:]),
            earlier=max(len(asked.history) - CHIPS, 0),
            events=len(history) - len(asked.history),
            columns=columns,
            choices=choices(release),
            names=prompt_names(release),
            steering_of=Steering.of,
            most_parts=MOST_PARTS,
            problems=problems,
            count=len(release.recommender.catalogue) - len(release.deleted),
            most=MOST_REQUEST,
            most_columns=MOST_COLUMNS,
            samples=samples(release) if asked.empty else [],
            people=list(release.recommender.dataset.histories.users[:3]) if asked.empty else [],
            found=find(release, q, asked) if q else None,
            q=q,
            pictures="image" in release.recommender.likes,
            did=_did(http.query_params, release),
        )
        if "hx-request" in http.headers:
            response.headers["HX-Push-Url"] = f"/?{asked.query()}"
        return response

    @routes.get("/page/search")
    def search(http: Request, q: Annotated[str, Query(max_length=200)] = "") -> HTMLResponse:
        found = find(engine.current, q, Asked.of(http.query_params))
        return render(http, "found.html", q=q.strip(), found=found)

    @routes.get("/page/why")
    async def why(http: Request, item: str, of: int = 0) -> HTMLResponse:
        words, release = words_of(http), engine.current
        asked, _ = checked(Asked.of(http.query_params), release, words)
        history = await history_of(engine, release, asked)
        steering = asked.columns[min(max(of, 0), len(asked.columns) - 1)]
        query = _query(engine, asked, history, steering, 1, explain=True)
        query = query.model_copy(update={"allow": [item], "exclude": [], "seen": "include", "diversity": 0.0})
        answer = await engine.recommend(query)
        reasons = [in_words(reason, words) for one in answer["items"] for reason in one["reasons"]]
        return render(http, "why.html", reasons=reasons)

    return routes


def checked(asked: Asked, release: Release, words: Words) -> tuple[Asked, list[str]]:
    """What can be asked of this release, and what was left out of it."""
    catalogue, problems = release.recommender.catalogue, []
    rows = catalogue.rows(asked.history)
    unknown = [id_ for id_, row in zip(asked.history, rows, strict=True) if row < 0]
    if unknown:
        problems.append(words("try.unknown", ids=", ".join(unknown[:5])))
        asked = replace(asked, history=tuple(id_ for id_ in asked.history if id_ not in unknown))
    if len(asked.history) > MOST_HISTORY:
        problems.append(words("try.long_history", most=MOST_HISTORY))
        asked = replace(asked, history=asked.history[-MOST_HISTORY:])
    if len(asked.request) > MOST_REQUEST:
        problems.append(words("try.long_request", length=len(asked.request), most=MOST_REQUEST))
        asked = replace(asked, request="")
    hidden = tuple(id_ for id_, row in zip(asked.hidden, catalogue.rows(asked.hidden), strict=True) if row >= 0)
    return replace(asked, hidden=hidden), problems


async def history_of(engine: Engine, release: Release, asked: Asked) -> list[str]:
    """The ids of a person's events, from dataset and store, and then those that were chosen here."""
    ids: list[str] = []
    if asked.person:
        ids = [event[0] for event in release.recommender.history_of(asked.person)]
        with contextlib.suppress(StoreUnavailableError):  # the answer says so itself
            ids += [one.item_id for one in await asyncio.to_thread(engine.store.history, asked.person, MOST_LIVE)]
    return [*ids, *asked.history]


async def lists(engine: Engine, release: Release, asked: Asked, history: Sequence[str], words: Words) -> list[Column]:
    """All columns at once, so that the model sees them as one batch; ranks are those of the first."""
    size = len(release.recommender.catalogue)
    shown = min(SHOWN, size)
    calls = [_answer(engine, asked, history, steering, shown) for steering in asked.columns]
    if len(asked.columns) > 1:
        calls.append(_answer(engine, asked, history, asked.columns[0], min(LOOKED_AT, size)))
    answers = await asyncio.gather(*calls)
    first = _items(answers[0])
    ranks = {item["id"]: rank for rank, item in reversed(list(enumerate(_items(answers[-1]), 1)))}
    ranks.update({item["id"]: rank for rank, item in enumerate(first, 1)})
    columns = []
    for place, (steering, answer) in enumerate(zip(asked.columns, answers, strict=False)):
        if answer is None or isinstance(answer, str):
            columns.append(Column(steering, problem=answer or "", waits=answer is None))
            continue
        made = cards(
            release.recommender.catalogue, answer["items"], engine.workspace.dataset, ranks if place else None, shown
        )
        kept = {card.id for card in made}
        gone = [item["title"] for item in first if item["id"] not in kept] if place else []
        notes = [words("try.fallback")] if answer["fallback"] else answer["notes"]
        columns.append(Column(steering, made, notes=notes, gone=gone))
    return columns


def _items(answer: dict[str, Any] | str | None) -> list[dict[str, Any]]:
    return answer["items"] if isinstance(answer, dict) else []


async def _answer(
    engine: Engine, asked: Asked, history: Sequence[str], steering: str, k: int
) -> dict[str, Any] | str | None:
    """The answer, what went wrong in words, or None where the column waits for words."""
    if steering == WORDS and not asked.request and not asked.picture:
        return None
    try:
        return await engine.recommend(_query(engine, asked, history, steering, k))
    except PromptrecError as error:
        return str(error)


def _query(
    engine: Engine, asked: Asked, history: Sequence[str], steering: str, k: int, explain: bool = False
) -> RecommendIn:
    """One column's call. A person with no other likes is asked for by id, so that times of events count."""
    source: dict[str, Any] = {"history": list(history)[-MOST_HISTORY:]}
    if asked.person and not asked.history:
        source = {"user_id": asked.person}
    by = Steering.of(steering)
    picture = Uploads(engine.workspace).find(asked.picture) if by.words else None
    prompts: Any = [{"name": name, "weight": weight} for name, weight in by.parts if weight]
    if len(by.parts) == 1:
        prompts = by.parts[0][0]
    try:
        return RecommendIn(
            **source,
            request=asked.request if asked.request and by.words else None,
            request_weight=asked.weight / 100,
            image=base64.b64encode(picture.read_bytes()).decode() if picture else None,
            prompt=prompts or None,
            k=k,
            exclude=list(asked.hidden),
            diversity=asked.diversity / 100,
            explain=explain,
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise PromptrecError(f"{first['loc'][0]}: {first['msg']}, found {first['input']!r}"[:300]) from None


def choices(release: Release) -> list[tuple[str, str]]:
    """What can steer a column: its word in the address, and the prompt's name or nothing."""
    return [(PLAIN, ""), (WORDS, ""), *((f"{kind}.{name}", name) for name in prompt_names(release) for kind in "pw")]


def prompt_names(release: Release) -> list[str]:
    return sorted({card["name"] for card in release.recommender.prompts() if card["kind"] != "reranker"})


def _chips(release: Release, ids: Sequence[str]) -> list[tuple[str, str]]:
    catalogue = release.recommender.catalogue
    return [(id_, catalogue.title(catalogue.row(id_))) for id_ in ids]


def _did(pressed: QueryParams, release: Release) -> tuple[str, str, str] | None:
    """The button that was pressed on a card, like or hide, with the item's id and title: to be told, and taken back."""
    catalogue = release.recommender.catalogue
    for action in ("like", "hide"):
        id_ = pressed.get(action, "")
        if (catalogue.rows([id_]) >= 0).all():
            return action, id_, catalogue.title(catalogue.row(id_))
    return None
