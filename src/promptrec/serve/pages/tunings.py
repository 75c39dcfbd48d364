"""Tuning from the page: each run is a process of its own, so that ranking never waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from promptrec.data.scenario import match
from promptrec.errors import NotFoundError, PromptrecError
from promptrec.prompt.library import check_name
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.rendering import form_of, go, render
from promptrec.serve.pages.routing import page_router
from promptrec.workspace import SCHEMA_VERSION, Workspace, read_json, write_json

MOST_SHOWN = 8
TAIL = 4_000
_ID = re.compile(r"[0-9a-f]{12}")
_PERCENT = re.compile(r"(\d{1,3})%")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
State = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Tuning:
    """percent: how far the descent is; message: why it failed; result: what `tune --json` printed."""

    id: str
    name: str
    scenario: str
    text: str
    began: float
    state: State
    percent: int
    message: str
    result: dict[str, Any] | None


class Tunings:
    """The runs of one workspace, in `tunings/`: files alone, so that every worker and a restarted service sees them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.root / "tunings"

    def start(self, name: str, scenario: str, text: str) -> str:
        """Begin a run and return its id. Raises PromptrecError while another one runs."""
        running = next((one for one in self.latest() if one.state == "running"), None)
        if running is not None:
            raise PromptrecError(f"{running.name!r} is being tuned; wait for it or cancel it first")
        id_ = uuid.uuid4().hex[:12]
        folder = self._folder / id_
        folder.mkdir(parents=True)
        # The words are the value of an option, whatever they begin with.
        command = [sys.executable, "-c", "from promptrec.cli import main; main()", "tune", "--json"]
        command += [f"--workspace={self._workspace.root.absolute()}", f"--scenario={scenario}"]
        command += [f"--text={text}"] if text else []
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--", name],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "OMP_NUM_THREADS": "1"},
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        about = {"name": name, "scenario": scenario, "text": text, "began": time.time()}
        process_facts = {"pid": process.pid, "started": _started(process.pid)}
        write_json(folder / "run.json", {"schema_version": SCHEMA_VERSION, **about, **process_facts})
        threading.Thread(target=process.wait, name=f"tuning {id_}", daemon=True).start()
        return id_

    def cancel(self, id_: str) -> None:
        """End a run; one that has ended stays as it is."""
        run = self._run(id_)
        if self.of(id_).state == "running":
            (self._folder / id_ / "cancelled").touch()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run["pid"], signal.SIGTERM)

    def of(self, id_: str) -> Tuning:
        """Raises NotFoundError for an unknown run."""
        run, folder = self._run(id_), self._folder / id_
        errors = _CODES.sub("\n", _tail(folder / "stderr"))
        result = _document(folder / "stdout")
        state: State = "failed"
        if (folder / "cancelled").exists():
            state = "cancelled"
        elif result is not None:
            state = "done"
        elif run["started"] is not None and _started(run["pid"]) == run["started"]:
            state = "running"
        found = _PERCENT.findall(errors)
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        message = lines[-1].removeprefix("promptrec: ") if lines and state == "failed" else ""
        percent = 100 if state == "done" else int(found[-1]) if found else 0
        about = (run["name"], run["scenario"], run["text"], run["began"])
        return Tuning(id_, *about, state, min(percent, 100), message, result)

    def latest(self) -> list[Tuning]:
        """The latest runs, newest first."""
        if not self._folder.is_dir():
            return []
        found = [self.of(file.parent.name) for file in self._folder.glob("*/run.json")]
        return sorted(found, key=lambda one: -one.began)[:MOST_SHOWN]

    def _run(self, id_: str) -> dict[str, Any]:
        file = self._folder / id_ / "run.json"
        if not _ID.fullmatch(id_) or not file.exists():
            raise NotFoundError(f"tuning {id_!r} is not in this workspace")
        return read_json(file, "tuning run")


def tuning_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    tunings = Tunings(engine.workspace)

    @routes.post("/tunings")
    async def start(http: Request) -> Response:
        form = await form_of(http)
        name, scenario, text = form.get("name", ""), form.get("scenario", ""), form.get("start", "")

        def begin() -> str:
            check_name(name)
            if not scenario:
                raise PromptrecError("scenario: is empty; say which events the prompt is for, as in rating = 5")
            match(engine.current.base.dataset, scenario)
            return tunings.start(name, scenario, text)

        try:
            return go(f"/tunings/{await asyncio.to_thread(begin)}")
        except PromptrecError as error:
            typed = {"name": name, "scenario": scenario, "start": text}
            return render(http, "tuning_form.html", 422, typed=typed, problem=str(error))

    @routes.get("/tunings/{id_}")
    def one(http: Request, id_: str) -> HTMLResponse:
        tuning = tunings.of(id_)
        score = ((tuning.result or {}).get("card", {}).get("test") or {}).get("ndcg@10")
        return render(http, "tuning.html", tuning=tuning, score=score)

    @routes.post("/tunings/{id_}/cancel")
    def cancel(id_: str) -> Response:
        tunings.cancel(id_)
        return go(f"/tunings/{id_}")

    return routes


def _started(pid: int) -> int | None:
    """When a living process began, in the kernel's ticks; None where it has ended. A pid alone may be another's now."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def _tail(file: Path) -> str:
    with file.open("rb") as lines:
        lines.seek(max(0, file.stat().st_size - TAIL))
        return lines.read().decode("utf-8", "replace")


def _document(file: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
