"""The Prompts view: what each one does, its versions, and writing one that is seen at work before it is saved."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from promptrec.errors import PromptrecError
from promptrec.prompt.library import PromptLibrary, check_name
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.asked import Asked
from promptrec.serve.pages.job_pages import FIELDS
from promptrec.serve.pages.jobs import Jobs
from promptrec.serve.pages.plots import intervals
from promptrec.serve.pages.problems import problem_in_words
from promptrec.serve.pages.readings import KEYS, Readings
from promptrec.serve.pages.rendering import form_of, go, render, typed_in, words_of
from promptrec.serve.pages.routing import page_router
from promptrec.serve.pages.steering import PLAIN, WORDS
from promptrec.serve.pages.trying import checked, history_of, lists
from promptrec.serve.schemas import MOST_REQUEST


def prompt_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    library, jobs, readings = PromptLibrary(engine.workspace.prompts), Jobs(engine.workspace), Readings(engine)

    def overview(http: Request, status: int = 200, problem: str = "", **typed: str) -> HTMLResponse:
        active = [card for card in library.describe() if card["active"]]
        users = engine.current.recommender.dataset.histories.users
        empty = {"name": "", "text": "", "person": users[0] if users else ""}
        return render(
            http,
            "prompts.html",
            status,
            prompts=[{**card, "plot": _change(card), "count": len(library.versions(card["name"]))} for card in active],
            jobs=jobs.latest("tune"),
            written={**typed_in(http, "write", empty), **typed},
            typed=typed_in(http, "tune", dict.fromkeys(FIELDS["tune"], "")),
            problem=problem_in_words(problem, words_of(http)),
            most=MOST_REQUEST,
        )

    @routes.get("/prompts")
    def all_prompts(http: Request) -> HTMLResponse:
        return overview(http)

    @routes.get("/prompts/{name}")
    def one(http: Request, name: str, v: int | None = None) -> HTMLResponse:
        active = library.active(name)
        card = library.card(name, v or active)
        versions = [library.card(name, version) for version in reversed(library.versions(name))]
        return render(
            http,
            "prompt.html",
            card=card,
            active=active,
            versions=[{**version, "plot": _change(version)} for version in versions],
            scores={people: scores(card, people) for people in ("test", "validation")},
            reading=card["card"].get("reading"),
            parts=KEYS,
            rollback=any(version["version"] < active for version in versions),
        )

    @routes.get("/page/reading/{name}/{version}")
    def reading(http: Request, name: str, version: int) -> HTMLResponse:
        found, problem = {}, ""
        try:
            found = readings.of(name, version)
        except PromptrecError as error:
            problem = problem_in_words(str(error), words_of(http))
        return render(http, "reading.html", reading=found, parts=KEYS, problem=problem)

    @routes.get("/page/preview")
    async def preview(http: Request, text: str = "", person: str = "") -> HTMLResponse:
        release, words = engine.current, words_of(http)
        asked, problems = checked(Asked(person=person, request=text.strip()), release, words)
        history = await history_of(engine, release, asked)
        columns = await lists(engine, release, asked, history, words) if asked.request else []
        return render(http, "preview.html", columns=columns, problems=problems, plain=PLAIN, words=WORDS)

    @routes.post("/prompts")
    async def write(http: Request) -> Response:
        form = await form_of(http)
        name, text = form.get("name", ""), form.get("text", "")

        def save() -> None:
            check_name(name)
            if not text or len(text) > MOST_REQUEST:
                raise PromptrecError(f"prompt {name!r}: expected 1 to {MOST_REQUEST:,} characters, found {len(text):,}")
            saved = library.save(engine.current.requests.prompt(text, name))
            library.activate(name, saved.version)
            engine.releases.refresh()

        try:
            await asyncio.to_thread(save)
        except PromptrecError as error:
            return overview(http, 422, str(error), name=name, text=text, person=form.get("person", ""))
        return go(f"/prompts/{quote(name)}")

    @routes.post("/prompts/{name}/activate")
    async def activate(http: Request, name: str) -> Response:
        version = (await form_of(http)).get("version", "")
        if not version.isdigit():
            raise PromptrecError(f"version: expected a number, found {version!r}")
        library.activate(name, int(version))
        await asyncio.to_thread(engine.releases.refresh)
        return go(f"/prompts/{quote(name)}")

    return routes


def scores(card: dict[str, Any], people: str) -> list[dict[str, Any]]:
    """For each metric of a card without, with and difference; each with a plot of the first two."""
    found = card["card"].get(people) or {}
    return [
        {
            "metric": metric,
            "plot": intervals([("without", "", score["without"]), ("with", "prompt", score["with"])]),
            **score,
        }
        for metric, score in found.items()
        if isinstance(score, dict) and "without" in score
    ]


def _change(card: dict[str, Any]) -> dict[str, Any] | None:
    """What a version changes of NDCG@10, on test people where there are some."""
    for people in ("test", "validation"):
        score = (card["card"].get(people) or {}).get("ndcg@10")
        if score and "difference" in score:
            return {"people": people, **score, "line": intervals([("", "prompt", score["difference"])])[0]}
    return None
