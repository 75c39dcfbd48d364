"""The report of an import as a page: what was kept, what was left out and why, and what the events look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from promptrec.plots import STYLE, svg

_BINS = 40


def event_facts(events: pl.DataFrame, items: int) -> dict[str, Any]:
    """How many people and items have how many events (in steps that double), how many items have none, and how many
    events there are in each of equal spans of time. events: ids as codes."""
    of_person = np.bincount(_codes(events["user"]))
    of_item = np.bincount(_codes(events["item"]), minlength=1)
    on_items = int((of_item > 0).sum())
    time = events["time"].drop_nulls().to_numpy()
    counts, edges = np.histogram(time, bins=_BINS) if len(time) else (np.zeros(0, int), np.zeros(0))
    return {
        "events_a_person": _doubling(of_person),
        "events_an_item": _doubling(of_item),
        "items_without_events": items - on_items,
        "events_over_time": {"from": edges[:-1].tolist(), "to": edges[1:].tolist(), "events": counts.tolist()},
    }


def _codes(ids: pl.Series) -> npt.NDArray[np.int64]:
    codes: npt.NDArray[np.int64] = ids.drop_nulls().to_physical().cast(pl.Int64).to_numpy()
    return codes


def _doubling(counts: npt.NDArray[np.int64]) -> dict[str, int]:
    """{"1": ..., "2-3": ..., "4-7": ...}: how many counts lie in each step."""
    counts = counts[counts > 0]
    if not len(counts):
        return {}
    steps = np.bincount(np.floor(np.log2(counts)).astype(np.int64))
    return {"1" if not n else f"{2**n}-{2 ** (n + 1) - 1}": int(count) for n, count in enumerate(steps)}


def write_page(file: Path, name: str, report: Mapping[str, Any]) -> None:
    """Write the page; it needs no other file and no network."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("promptrec", "data"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    facts = report["facts"]
    plots = [
        ("What became of the records", _fates(report)),
        ("People by their number of events", _bars(facts["events_a_person"], "events", "people")),
        ("Items by their number of events", _bars(facts["events_an_item"], "events", "items")),
        ("Events over time", _over_time(facts["events_over_time"])),
    ]
    page = environment.get_template("cleaning.html").render(
        name=name, report=report, plots=[(title, plot) for title, plot in plots if plot is not None]
    )
    file.write_text(page, encoding="utf-8")


def _fates(report: Mapping[str, Any]) -> Any:
    files = report["files"]
    with _figure(0.6 + 0.5 * len(files)) as (figure, axes):
        names = list(files)
        kept = [100 * files[kind]["kept"] / max(files[kind]["read"], 1) for kind in names]
        axes.barh(names, kept, color="#2f7ed8", label="kept")
        axes.barh(names, [100 - share for share in kept], left=kept, color="#d8672f", label="rejected")
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of the records")
        axes.legend(frameon=False, loc="lower right")
        return svg(figure)


def _bars(counts: Mapping[str, int], x: str, y: str) -> Any:
    if not counts:
        return None
    with _figure(2.8) as (figure, axes):
        axes.bar(list(counts), list(counts.values()), color="#2f7ed8")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.tick_params(axis="x", rotation=40)
        return svg(figure)


def _over_time(spans: Mapping[str, Any]) -> Any:
    if not spans["events"]:
        return None
    with _figure(2.6) as (figure, axes):
        widths = [stop - start for start, stop in zip(spans["from"], spans["to"], strict=True)]
        axes.bar(spans["from"], spans["events"], width=widths, align="edge", color="#2f7ed8")
        ticks = np.linspace(spans["from"][0], spans["to"][-1], 5)
        axes.set_xticks(ticks, [_date(tick) for tick in ticks])
        axes.set_ylabel("events")
        return svg(figure)


@contextmanager
def _figure(height: float) -> Iterator[tuple[Figure, Axes]]:
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.5, height), layout="constrained")
        yield figure, figure.add_subplot()


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.3g} s"
