"""What plots on promptrec's pages look like."""

from __future__ import annotations

import io
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

_INK = "#010203"  # becomes the page's text colour
STYLE: dict[Any, Any] = {
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


def svg(figure: Figure) -> Markup:
    """The figure for a page: its text is text, and takes the page's colour."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    return Markup(text[text.index("<svg") :].replace(_INK, "currentColor"))  # matplotlib escapes what it draws
