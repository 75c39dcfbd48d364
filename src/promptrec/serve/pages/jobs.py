"""Long work that was begun on the page: each job is a process of its own, so that ranking never waits for it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from promptrec.errors import NotFoundError, PromptrecError
from promptrec.workspace import SCHEMA_VERSION, Workspace, read_json, write_json

MOST_SHOWN = 8
TAIL = 4_000
_ID = re.compile(r"[0-9a-f]{12}")
_BAR = re.compile(r"([^\n━╸╺%]*?)\s*[━╸╺ ]*\s(\d{1,3})%")
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
Verb = Literal["tune", "evaluate"]
State = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Job:
    """given: the form that began it; stage, percent: the latest bar of progress; message: why it failed; output: what
    the verb printed.
    """

    id: str
    verb: Verb
    given: Mapping[str, str]
    began: float
    state: State
    stage: str
    percent: int
    message: str
    output: str


class Jobs:
    """The jobs of one workspace, in `jobs/`: files alone, so that every worker and a restarted service sees them."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._folder = workspace.root / "jobs"

    def start(self, verb: Verb, given: Mapping[str, str], arguments: Sequence[str]) -> str:
        """Begin `promptrec VERB ARGUMENTS` and return the job's id. Raises PromptrecError while another one runs."""
        running = next((one for one in self.latest() if one.state == "running"), None)
        if running is not None:
            doing = "tuning" if running.verb == "tune" else "an evaluation"
            raise PromptrecError(f"{doing} runs already; wait for it or cancel it first")
        id_ = uuid.uuid4().hex[:12]
        folder = self._folder / id_
        folder.mkdir(parents=True)
        command = [sys.executable, "-c", "from promptrec.cli import main; main()", verb]
        command += [f"--workspace={self._workspace.root.absolute()}", *arguments]
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,
                env={**os.environ, "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "OMP_NUM_THREADS": "1"},
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        about = {"verb": verb, "given": dict(given), "began": time.time()}
        process_facts = {"pid": process.pid, "started": _started(process.pid)}
        write_json(folder / "job.json", {"schema_version": SCHEMA_VERSION, **about, **process_facts})
        threading.Thread(target=process.wait, name=f"job {id_}", daemon=True).start()
        return id_

    def cancel(self, id_: str) -> None:
        """End a job; one that has ended stays as it is."""
        document = self._document(id_)
        if self.of(id_).state == "running":
            (self._folder / id_ / "cancelled").touch()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(document["pid"], signal.SIGTERM)

    def of(self, id_: str) -> Job:
        """Raises NotFoundError for an unknown job."""
        document, folder = self._document(id_), self._folder / id_
        errors = _CODES.sub("\n", _tail(folder / "stderr"))
        output = (folder / "stdout").read_text(encoding="utf-8", errors="replace")
        state: State = "failed"
        if (folder / "cancelled").exists():
            state = "cancelled"
        elif document["started"] is not None and _started(document["pid"]) == document["started"]:
            state = "running"
        elif output.strip():  # a verb prints when all is done
            state = "done"
        stage, percent = ([("", "0"), *_BAR.findall(errors)])[-1]
        lines = [line.strip() for line in errors.splitlines() if line.strip()]
        message = lines[-1].removeprefix("promptrec: ") if lines and state == "failed" else ""
        about = (document["verb"], document["given"], document["began"])
        return Job(id_, *about, state, stage.strip(), min(int(percent), 100), message, output)

    def latest(self, verb: Verb | None = None) -> list[Job]:
        """The latest jobs, of one verb where given, newest first."""
        if not self._folder.is_dir():
            return []
        found = [self.of(file.parent.name) for file in self._folder.glob("*/job.json")]
        return sorted((one for one in found if verb in (None, one.verb)), key=lambda one: -one.began)[:MOST_SHOWN]

    def _document(self, id_: str) -> dict[str, Any]:
        file = self._folder / id_ / "job.json"
        if not _ID.fullmatch(id_) or not file.exists():
            raise NotFoundError(f"job {id_!r} is not in this workspace")
        return read_json(file, "job")


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
