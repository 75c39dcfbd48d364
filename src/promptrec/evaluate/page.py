"""A report on disk: `report.json`, and `report.html` that shows the same numbers with plots, in one file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from promptrec.evaluate.report import COMPARED, IN_SLICES
from promptrec.workspace import SCHEMA_VERSION, write_json

METRICS = {
    "ndcg@10": "how high the answers stand in the first ten: 1 where they lead the list, 0 when none is among them",
    "hr@10": "the share of questions with an answer among the first ten",
    "recall@10": "the share of a question's answers that is among the first ten; with one answer it equals hr@10",
    "precision@10": "the share of the first ten that are answers; with one answer it is at most 0.1",
    "map@10": "the precision at each answer's place, averaged over the answers; those beyond the first ten count 0",
    "mrr": "one divided by the place of the first answer, over the whole catalogue",
}
BEYOND = {
    "coverage@10": "the share of the catalogue that is in at least one list of ten",
    "gini@10": "how unevenly the lists use the catalogue: 0 where all items are listed alike, near 1 where few are",
    "novelty@10": "how rare the listed items are: 1 more means half as many people have them",
    "diversity@10": "how unlike each other the items of one list are, by their words: 0 is all alike",
    "serendipity@10": "the share of the first ten that are answers which the ten most popular new items do not have",
    "calibration@10": "how far the list is from the history in its proportions of kinds: 0 is the same, less is better",
}
PROTOCOLS = {
    "leave-one-out": "Each person's last event is asked for, after all events before it; it was not trained on.",
    "time": "One moment cuts all histories: what came before was trained on; each person's later items are asked for.",
    "cold-people": "People never trained on are asked for their next event after their first 0, 1, 3 and 5 events.",
    "cold-items": "Some items were held out of training altogether; every event on one is asked for, among all items.",
    "scenario": "People never trained on are asked for each of their events that matches the scenario.",
}
_INK = "#010203"  # becomes the page's text colour
_COLOURS = {"backbone": "#2f7ed8", "prompt": "#d8672f", "baseline": "#8a8f98"}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "promptrec",
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": "sans-serif",
}


def write_report(folder: Path, report: Mapping[str, Any]) -> None:
    """Write `report.json` and `report.html` into `folder`. report: as `report.json` is declared in the docs."""
    write_json(folder / "report.json", {"schema_version": SCHEMA_VERSION, **report})
    (folder / "report.html").write_text(render(report), encoding="utf-8")


def render(report: Mapping[str, Any]) -> str:
    """The page as HTML; it needs no other file and no network."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("promptrec", "evaluate"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        report=report,
        metrics=METRICS,
        beyond=BEYOND,
        protocols=PROTOCOLS,
        compared=COMPARED,
        sliced=IN_SLICES,
        moment=lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        differences=_differences(report) if any("against" in model for model in report["models"]) else None,
        accuracy=_accuracy(report["models"]) if report["models"] else None,
        trade=_trade(report["models"]) if report["models"] else None,
        requests=_requests(report["requests"]) if report["requests"] else None,
    )


def _accuracy(models: list[dict[str, Any]]) -> Markup:
    """NDCG@10 of each model with its interval, best on top."""
    ordered = sorted(models, key=lambda model: float(model["metrics"]["ndcg@10"]["value"]))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.5, 0.6 + 0.34 * len(ordered)), layout="constrained")
        axes = figure.add_subplot()
        for place, model in enumerate(ordered):
            found = model["metrics"]["ndcg@10"]
            error = [[found["value"] - found["low"]], [found["high"] - found["value"]]]
            colour = _COLOURS[model["kind"]]
            axes.errorbar(found["value"], place, xerr=error, fmt="o", color=colour, capsize=3)
        axes.set_yticks(range(len(ordered)), [model["name"] for model in ordered])
        axes.set_xlabel("NDCG@10 with its 95% interval")
        axes.set_xlim(left=0)
        return _svg(figure)


def _differences(report: Mapping[str, Any]) -> Markup:
    """How far each model's NDCG@10 is from that of the model they are compared with."""
    models = [model for model in report["models"] if "against" in model]
    ordered = sorted(models, key=lambda model: float(model["against"]["ndcg@10"]["value"]))
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.5, 0.6 + 0.34 * len(ordered)), layout="constrained")
        axes = figure.add_subplot()
        axes.axvline(0, color=_INK, linewidth=0.8)
        for place, model in enumerate(ordered):
            found = model["against"]["ndcg@10"]
            error = [[found["value"] - found["low"]], [found["high"] - found["value"]]]
            axes.errorbar(found["value"], place, xerr=error, fmt="o", color=_COLOURS[model["kind"]], capsize=3)
        axes.set_yticks(range(len(ordered)), [model["name"] for model in ordered])
        axes.set_xlabel(f"NDCG@10 minus that of {report['against']}, with its 95% interval")
        return _svg(figure)


def _trade(models: list[dict[str, Any]]) -> Markup:
    """Accuracy against coverage."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.5, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for model in models:
            point = (model["metrics"]["coverage@10"]["value"], model["metrics"]["ndcg@10"]["value"])
            axes.plot(*point, "o", color=_COLOURS[model["kind"]])
            axes.annotate(model["name"], point, xytext=(6, 3), textcoords="offset points", fontsize=9)
        axes.set_xlabel("coverage@10")
        axes.set_ylabel("NDCG@10")
        axes.margins(x=0.2)
        axes.set_xlim(left=0)
        return _svg(figure)


def _requests(requests: list[dict[str, Any]]) -> Markup:
    """The share of the first ten that carries what was asked for, without and with the request."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(7.5, 0.8 + 0.55 * len(requests)), layout="constrained")
        axes = figure.add_subplot()
        for offset, key, colour in ((0.18, "share_without", "baseline"), (-0.18, "share_with", "backbone")):
            places = [place + offset for place in range(len(requests))]
            values = [entry[key] for entry in requests]
            axes.barh(places, values, height=0.34, color=_COLOURS[colour], label=key.replace("share_", "") + " request")
        names = [f"{entry['attribute']} ({entry['language']})" for entry in requests]
        axes.set_yticks(range(len(requests)), names)
        axes.set_xlabel("share of the first ten")
        axes.legend(frameon=False, loc="best")
        return _svg(figure)


def _svg(figure: Figure) -> Markup:
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return Markup(text[text.index("<svg") :].replace(_INK, "currentColor"))  # matplotlib escapes what it draws
