"""The Service view: what the service answers, how fast, what people follow, and erasing a person."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from prometheus_client.parser import text_string_to_metric_families

from promptrec.data.describe import FEW
from promptrec.serve.engine.engine import Engine
from promptrec.serve.engine.erasure import erase
from promptrec.serve.metrics import exposition
from promptrec.serve.pages.clicks import Clicks
from promptrec.serve.pages.rendering import form_of, render
from promptrec.serve.pages.routing import page_router
from promptrec.serve.store import StoreUnavailableError

LATELY = 15.0  # seconds
STAGES = ("history", "request", "queue", "model", "total")


def service_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    clicks, traffic = Clicks(engine.store), Traffic()

    def page(http: Request, status: int = 200, **values: Any) -> HTMLResponse:
        release = engine.current
        shown: dict[str, Any] = {"erased": None, "typed": "", "problem": "", **values}
        items = len(release.recommender.catalogue) - len(release.deleted)
        facts = counted()
        try:
            arms = clicks.arms()
        except StoreUnavailableError:
            arms = None
        rate = traffic.rate(facts["answered"])
        return render(
            http,
            "service.html",
            status,
            release=release.label,
            items=items,
            counted=facts,
            arms=arms,
            rate=rate,
            few=FEW,
            **shown,
        )

    @routes.get("/service")
    def service(http: Request, erase: str = "") -> HTMLResponse:
        return page(http, typed=erase)

    @routes.post("/service/erase")
    async def erase_person(http: Request) -> Response:
        form = await form_of(http)
        user_id = form.get("user_id", "")
        if not user_id or form.get("sure") != "yes":
            return page(http, 422, typed=user_id, problem="erase.unsure")
        found = await asyncio.to_thread(erase, engine, user_id)
        return page(http, erased={"id": user_id, **found.model_dump()})

    return routes


class Traffic:
    """How many recommendations a second were answered lately, as far as somebody looked."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque(maxlen=100)

    def rate(self, answered: int) -> float | None:
        """A second, between the oldest look of the last 15 seconds and now; None at the first look."""
        now = time.monotonic()
        self._looks.append((now, answered))
        while now - self._looks[0][0] > LATELY:
            self._looks.popleft()
        began, before = self._looks[0]
        return (answered - before) / (now - began) if now > began else None


@dataclass
class Stage:
    """buckets: how many took at most so many seconds, by bound."""

    count: float = 0.0
    seconds: float = 0.0
    buckets: dict[float, float] = field(default_factory=dict)

    def within(self, share: float) -> float | None:
        """The smallest bound, in milliseconds, that this share kept to; None where nothing was counted or none did."""
        for bound in sorted(self.buckets):
            if self.count and self.buckets[bound] >= share * self.count and bound != float("inf"):
                return bound * 1000
        return None

    @property
    def mean(self) -> float:
        return 1000 * self.seconds / self.count if self.count else 0.0


def counted() -> dict[str, Any]:
    """What the metrics of all workers say, for people."""
    stages = {name: Stage() for name in STAGES}
    statuses: dict[str, float] = {}
    caches: dict[str, dict[str, float]] = {}
    single: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition().decode()):
        for sample in family.samples:
            labels: Mapping[str, str] = sample.labels
            if family.name == "promptrec_stage_seconds" and labels.get("stage") in stages:
                stage = stages[labels["stage"]]
                if sample.name.endswith("_bucket"):
                    bound = float(labels["le"])
                    stage.buckets[bound] = stage.buckets.get(bound, 0) + sample.value
                elif sample.name.endswith("_count"):
                    stage.count += sample.value
                elif sample.name.endswith("_sum"):
                    stage.seconds += sample.value
            elif sample.name == "promptrec_http_requests_total":
                kind = f"{labels['status'][0]}xx"
                statuses[kind] = statuses.get(kind, 0) + sample.value
            elif sample.name == "promptrec_cache_total":
                caches.setdefault(labels["cache"], {})[labels["result"]] = sample.value
            elif sample.name == "promptrec_events_total":
                single[f"events_{labels['result']}"] = sample.value
            elif sample.name in (
                "promptrec_cold_total",
                "promptrec_fallbacks_total",
                "promptrec_rejected_releases_total",
            ):
                single[family.name.removeprefix("promptrec_")] = sample.value
    answered = stages["total"].count
    return {
        "stages": {name: stage for name, stage in stages.items() if stage.count},
        "statuses": dict(sorted(statuses.items())),
        "hits": {name: _share(found.get("hit", 0), sum(found.values())) for name, found in caches.items()},
        "answered": int(answered),
        "cold": int(single.get("cold", 0)),
        "cold_share": _share(single.get("cold", 0), answered),
        "fallbacks": int(single.get("fallbacks", 0)),
        "fallback_share": _share(single.get("fallbacks", 0), answered),
        "rejected": int(single.get("rejected_releases", 0)),
        "events": int(single.get("events_accepted", 0)),
    }


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
