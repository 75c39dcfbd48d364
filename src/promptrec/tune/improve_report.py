"""The report of an improve run: each step a point, the best so far a line, the target a line."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>improve {name}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse;width:100%}}th,td{{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc}}
.plot{{overflow-x:auto}}</style></head><body>
<h1>improve {name}</h1>
<p>{outcome}</p>
<div class="plot">{plot}</div>
<p>NDCG@10 on validation people: 1 where the item that a person chose leads the list, 0 when it is not among the first
ten. Validation people choose the prompt; test people, asked once at the end, say how good it is.</p>
<table><thead><tr><th>step</th><th>way</th><th>words</th><th>NDCG@10</th><th>best</th><th>seconds</th></tr></thead>
<tbody>
{rows}
</tbody></table></body></html>
"""


def write_report(folder: Path, log: Sequence[Mapping[str, Any]], result: Mapping[str, Any]) -> None:
    """Write `report.html` into the run's folder. log: its steps; result: prompt, version, target, test."""
    test = result["test"]
    outcome = f"Saved as version {result['version']}; target {result['target']:g}."
    if test:
        scores = [f"{test[key]['value']:.4f} ({test[key]['low']:.4f} to {test[key]['high']:.4f})" for key in test]
        outcome += f" On test people NDCG@10 is {scores[0]} without and {scores[1]} with the prompt."
    rows = "\n".join(_row(line) for line in log)
    page = PAGE.format(name=escape(result["prompt"]), outcome=outcome, plot=_plot(log, result["target"]), rows=rows)
    (folder / "report.html").write_text(page, encoding="utf-8")


def _row(line: Mapping[str, Any]) -> str:
    score = "–" if line["validation"] is None else f"{line['validation']:.4f}"
    cells = (line["step"], line["way"], line["words"] or "nothing new", score, f"{line['best']:.4f}", line["seconds"])
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def _plot(log: Sequence[Mapping[str, Any]], target: float) -> str:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "promptrec"}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.subplots()
        points = [line for line in log if line["validation"] is not None]
        axes.plot([line["step"] for line in points], [line["validation"] for line in points], "o", label="each step")
        axes.step([line["step"] for line in log], [line["best"] for line in log], where="post", label="best so far")
        axes.axhline(target, linestyle="--", color="#888", label="target")
        axes.set_xticks([line["step"] for line in log], [line["way"] for line in log], rotation=45, ha="right")
        axes.set_ylabel("NDCG@10, validation")
        axes.legend(loc="lower right")
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    text = out.getvalue()
    return text[text.index("<svg") :]
