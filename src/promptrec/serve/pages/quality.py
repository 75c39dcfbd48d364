"""The Quality view: the evaluations in `runs/`, each number explained where it stands."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from promptrec.errors import NotFoundError
from promptrec.serve.engine.engine import Engine
from promptrec.serve.pages.job_pages import FIELDS, choices
from promptrec.serve.pages.jobs import Jobs
from promptrec.serve.pages.plots import intervals
from promptrec.serve.pages.rendering import render, typed_in
from promptrec.serve.pages.routing import page_router
from promptrec.workspace import Workspace, read_json

MOST_RUNS = 30
SHOWN_FIRST = "ndcg@10"


def quality_pages(engine: Engine) -> APIRouter:
    routes = page_router()
    jobs = Jobs(engine.workspace)

    @routes.get("/quality")
    def quality(http: Request, run: str = "", metric: str = SHOWN_FIRST) -> HTMLResponse:
        names = runs(engine.workspace)
        if run and run not in names:
            raise NotFoundError(f"evaluation {run!r} is not in this workspace")
        form = {
            "verb": "evaluate",
            "typed": typed_in(http, "evaluate", dict.fromkeys(FIELDS["evaluate"], "")),
            "jobs": jobs.latest("evaluate"),
            **choices(engine),
        }
        if not names:
            return render(http, "quality_empty.html", **form)
        run = run or names[0]
        report = read_json(engine.workspace.runs / run / "report.json", "report")
        models = [model for model in report["models"] if model.get("metrics")]
        metrics = list(models[0]["metrics"]) if models else []
        metric = metric if metric in metrics else (metrics[0] if metrics else "")
        return render(
            http,
            "quality.html",
            run=run,
            runs=names[:MOST_RUNS],
            report=report,
            metrics=metrics,
            metric=metric,
            lines=intervals(
                sorted(
                    ((model["name"], model["kind"], model["metrics"][metric]) for model in models),
                    key=lambda line: -(line[2]["value"] or 0),
                )
            ),
            models={model["name"]: model for model in models},
            slices=slices(report, models),
            **form,
        )

    return routes


def runs(workspace: Workspace) -> list[str]:
    """The names of all evaluations, the latest first."""
    if not workspace.runs.is_dir():
        return []
    return sorted((file.parent.name for file in workspace.runs.glob("*/report.json")), reverse=True)


def slices(report: dict[str, Any], models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each cut of the questions its groups, each with NDCG@10 of the workspace's own models and the best other."""
    cuts = []
    for cut in report.get("slices", []):
        own = [model for model in models if model["kind"] != "baseline" and cut["by"] in model.get("slices", {})]
        others = [model for model in models if model["kind"] == "baseline" and cut["by"] in model.get("slices", {})]
        others.sort(key=lambda model: -model["metrics"][SHOWN_FIRST]["value"])
        groups = []
        for name, first in (own or others)[0]["slices"][cut["by"]].items() if own or others else ():
            rows = [(m["name"], m["kind"], m["slices"][cut["by"]][name][SHOWN_FIRST]) for m in [*own, *others[:1]]]
            groups.append({"name": name, "examples": first["examples"], "lines": intervals(rows)})
        cuts.append({**cut, "groups": groups})
    return cuts
