"""Which release answers: loaded from the workspace, tested, and swapped by one pointer while calls run."""

from __future__ import annotations

import ctypes
import logging
import threading
from pathlib import Path

from promptrec.data.dataset import Dataset
from promptrec.errors import PromptrecError
from promptrec.index.contract import Kind
from promptrec.recommender import Recommender, current_backbone
from promptrec.serve.engine.additions import derived
from promptrec.serve.engine.prompts import LoadedPrompts
from promptrec.serve.engine.release import Release
from promptrec.serve.engine.request_cache import RequestCache
from promptrec.serve.metrics import BACKBONE, INDEX_RECALL, PROMPTS, REJECTED
from promptrec.serve.store import EventStore, StoreUnavailableError
from promptrec.workspace import Workspace

log = logging.getLogger("promptrec.serve")
POLL = 0.4  # seconds: every worker sees a new release well within a second


Signs = tuple[str, object, object]


class Releases:
    """The current release of one process. `current` is read once by each call, which then uses nothing else.

    Raises PromptrecError, naming the file, where the workspace holds nothing that can answer.
    """

    current: Release

    def __init__(self, workspace: Workspace, store: EventStore, index: Kind | None = None) -> None:
        self._index = index
        self._workspace = workspace
        self._store = store
        self._swapping = threading.Lock()
        self._stopping = threading.Event()
        self._refused: Signs | None = None
        self._complaint = ""
        self._seen = self._signs()
        base = Recommender.load(workspace.root, index)
        prompts = LoadedPrompts(workspace.prompts)
        changes = tuple(store.item_changes())
        release = Release.of(f"{self._seen[0]}.1", base, prompts, RequestCache(base.requests), changes)
        release.self_test(words=False)
        self._swap(release, self._seen)
        self._watcher = threading.Thread(target=self._watch, name="releases", daemon=True)
        self._watcher.start()

    def refresh(self) -> None:
        """Take what is new in workspace and store; keep the old release, and say so in the log, where that fails.

        Raises StoreUnavailableError.
        """
        with self._swapping:
            signs = None
            try:
                signs = self._signs()
                self._take(self._seen if signs == self._refused else signs)
            except StoreUnavailableError:
                raise
            except Exception as error:
                self._refused = signs
                if str(error) != self._complaint:
                    self._complaint = str(error)
                    REJECTED.inc()
                    unexpected = not isinstance(error, PromptrecError)
                    log.error(
                        "a new release was refused, %s goes on: %s", self.current.label, error, exc_info=unexpected
                    )

    def close(self) -> None:
        self._stopping.set()
        self._watcher.join()

    def _take(self, signs: Signs) -> None:
        old = self.current
        fresh = self._store.item_changes(old.last_change)
        if signs == self._seen and not fresh:
            return
        replaced = {change.item_id for change in fresh}
        changes = (*(change for change in old.changes if change.item_id not in replaced), *fresh)
        base, requests, prompts = old.base, old.requests, old.prompts
        if signs[:2] != self._seen[:2]:
            dataset = Dataset.load(self._workspace.dataset)
            if signs[0] == self._seen[0] and dataset.items.equals(old.base.dataset.items):
                base = derived(base, dataset=dataset)  # other people and events, the same model
            else:
                base = Recommender.load(self._workspace.root, self._index)
                requests = RequestCache(base.requests)
        if signs != self._seen:
            prompts = LoadedPrompts(self._workspace.prompts, before=old.prompts)
        number = int(old.label.rpartition(".")[2]) + 1
        release = Release.of(f"{signs[0]}.{number}", base, prompts, requests, changes, before=old)
        if signs != self._seen:
            release.self_test(prompts.changed if base is old.base else None)
        self._swap(release, signs)

    def _swap(self, release: Release, signs: Signs) -> None:
        before = getattr(self, "current", None)
        self.current = release
        if before is None or before.catalogued is not release.catalogued:
            INDEX_RECALL.set(release.index_recall())
            _give_back()
        self._seen = signs
        self._complaint = ""
        BACKBONE.set(int(signs[0]))
        for name, version in release.prompts.versions_in_use.items():
            PROMPTS.labels(name).set(version)
        log.info("release %s answers", release.label)

    def _signs(self) -> Signs:
        """What changes where the workspace has something new: backbone, dataset, prompts."""
        place = self._workspace
        return current_backbone(place).name, _dated(place.dataset / "events.parquet"), _dated(place.prompts)

    def _watch(self) -> None:
        # The text encoder comes in once the service answers; a request that is sooner waits for it.
        if not self._stopping.wait(POLL):
            try:
                self.current.test_words()
                _give_back()
            except Exception:
                log.exception("release %s cannot read requests", self.current.label)
        while not self._stopping.wait(POLL):
            try:
                self.refresh()
            except StoreUnavailableError as error:
                log.warning("%s", error)


def _dated(path: Path) -> tuple[int, int] | None:
    """Another value after every change of a file, or of a prompt in the folder; None where there is nothing."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


def _give_back() -> None:
    """Return to the system what loading left free: of a million items glibc would keep 140 MB for good."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim is not None:
        trim(0)
