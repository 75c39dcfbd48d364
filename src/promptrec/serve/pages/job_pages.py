"""Tuning and evaluation from the page: begun by a form, watched at an address of their own, cancelled there."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from promptrec.data.scenario import match
from promptrec.errors import PromptrecError
from promptrec.prompt.library import check_name
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.jobs import Job, Jobs, Verb
from promptrec.serve.pages.problems import problem_in_words
from promptrec.serve.pages.rendering import form_of, go, render, typed_in, words_of
from promptrec.serve.pages.routing import page_router
from promptrec.serve.pages.trying import prompt_names

PROTOCOLS = ("leave-one-out", "time", "cold-people", "cold-items", "scenario")
FIELDS: Mapping[Verb, tuple[str, ...]] = {
    "tune": ("name", "scenario", "start"),
    "evaluate": ("prompt", "protocol", "scenario", "baselines"),
}
_RUN = re.compile(r"([^/\s]+)/report\.html\s*$")


def job_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    jobs = Jobs(engine.workspace)

    async def begin(http: Request, verb: Verb, arguments: Callable[[Engine, Mapping[str, str]], list[str]]) -> Response:
        form = await form_of(http)
        given = {field: form.get(field, "") for field in FIELDS[verb]}
        try:
            id_ = await asyncio.to_thread(lambda: jobs.start(verb, given, arguments(engine, given)))
        except PromptrecError as error:
            problem = problem_in_words(str(error), words_of(http))
            return render(http, "job_form.html", 422, verb=verb, typed=given, problem=problem, **choices(engine))
        return go(f"/jobs/{id_}")

    @routes.post("/tunings")
    async def tune(http: Request) -> Response:
        return await begin(http, "tune", to_tune)

    @routes.post("/evaluations")
    async def evaluate(http: Request) -> Response:
        return await begin(http, "evaluate", to_evaluate)

    @routes.get("/jobs/{id_}")
    def one(http: Request, id_: str) -> HTMLResponse:
        job = jobs.of(id_)
        typed = typed_in(http, job.verb, job.given)
        problem = problem_in_words(job.message, words_of(http))
        return render(http, "job.html", job=job, typed=typed, problem=problem, **result_of(job), **choices(engine))

    @routes.post("/jobs/{id_}/cancel")
    def cancel(id_: str) -> Response:
        jobs.cancel(id_)
        return go(f"/jobs/{id_}")

    return routes


def to_tune(engine: Engine, given: Mapping[str, str]) -> list[str]:
    """The arguments of `promptrec tune`. Raises PromptrecError for a name or scenario that cannot be."""
    check_name(given["name"])
    if not given["scenario"]:
        raise PromptrecError("scenario: is empty; say which events the prompt is for, as in rating = 5")
    match(engine.current.base.dataset, given["scenario"])
    # What was typed is the value of an option, whatever it begins with.
    words = [f"--text={given['start']}"] if given["start"] else []
    return ["--json", f"--scenario={given['scenario']}", *words, "--", given["name"]]


def to_evaluate(engine: Engine, given: Mapping[str, str]) -> list[str]:
    """The arguments of `promptrec evaluate`. Raises PromptrecError for what it would refuse at once."""
    arguments = ["--baselines=all"] if given["baselines"] == "all" else []
    if given["prompt"]:
        engine.current.recommender.library.active(given["prompt"])
        arguments.append(f"--prompt={given['prompt']}")
    if given["protocol"]:
        if given["protocol"] not in PROTOCOLS:
            raise PromptrecError(f"protocol: expected one of {', '.join(PROTOCOLS)}, found {given['protocol']!r}")
        arguments.append(f"--protocol={given['protocol']}")
    if (given["protocol"] == "scenario") != bool(given["scenario"]):
        raise PromptrecError("scenario: say which events are asked for, as in rating = 5, with “a scenario” alone")
    if given["scenario"]:
        match(engine.current.base.dataset, given["scenario"])
        arguments.append(f"--scenario={given['scenario']}")
    return arguments


def choices(engine: Engine) -> dict[str, Any]:
    """What the forms offer."""
    return {"prompt_names": prompt_names(engine.current), "protocols": PROTOCOLS}


def result_of(job: Job) -> dict[str, Any]:
    """What a job that is done printed: the scores of a tuned prompt, or the name of the evaluation."""
    score, run = None, ""
    if job.state == "done" and job.verb == "tune":
        score = (json.loads(job.output).get("card", {}).get("test") or {}).get("ndcg@10")
    elif job.state == "done":
        found = _RUN.search(job.output)
        run = found[1] if found else ""
    return {"score": score, "run": run}
