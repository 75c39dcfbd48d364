"""Templates in the reader's language."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from promptrec.serve.schemas import MOST_REQUEST

LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "promptrec_language"
_WORDS = Path(__file__).parent / "words"
_TEMPLATES = Path(__file__).parents[1] / "templates"


class Words:
    """One language's dictionary: `words("key", n=3)` is its sentence, filled in."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._known: dict[str, str] = json.loads((_WORDS / f"{language}.json").read_text(encoding="utf-8"))

    def __call__(self, key: str, **values: Any) -> str:
        return self._known[key].format(**values) if values else self._known[key]

    def of(self, prefix: str, key: str, otherwise: str) -> str:
        """The sentence of `prefix.key`; `otherwise` where the dictionary has none."""
        return self._known.get(f"{prefix}.{key}", otherwise)

    def keys(self) -> set[str]:
        return set(self._known)


words_in = cache(Words)


def language_of(http: Request) -> str:
    """The language asked for by the address, else chosen before, else the first that the browser accepts."""
    for given in (http.query_params.get("lang"), http.cookies.get(COOKIE)):
        if given in LANGUAGES:
            return given
    accepted = []
    for place, part in enumerate(http.headers.get("accept-language", "").split(",")):
        name, _, quality = part.strip().partition(";q=")
        try:
            accepted.append((-float(quality or 1), place, name.strip().lower().partition("-")[0]))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(accepted) if name in LANGUAGES), "en")


def words_of(http: Request) -> Words:
    """The words of the page in the reader's language."""
    return words_in(language_of(http))


def typed_in(http: Request, form: str, otherwise: Mapping[str, str]) -> dict[str, str]:
    """What stands in the fields of a form: what the address says (`form.field=`, see page.js), else `otherwise`."""
    return {field: http.query_params.get(f"{form}.{field}", value)[:MOST_REQUEST] for field, value in otherwise.items()}


def render(http: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The template as a response; a language that the address asks for is kept for the pages after it."""
    language = language_of(http)
    html = (
        _environment()
        .get_template(template)
        .render(
            t=words_in(language),
            language=language,
            languages=LANGUAGES,
            here=http.url.path,
            switch=_switch(http),
            **values,
        )
    )
    response = HTMLResponse(html, status)
    if http.query_params.get("lang") == language:
        response.set_cookie(COOKIE, language, max_age=31_536_000, samesite="strict", httponly=True)
    return response


def go(address: str) -> RedirectResponse:
    """Send the browser on after something was done."""
    return RedirectResponse(address, 303)


async def form_of(http: Request) -> dict[str, str]:
    """The fields of a submitted form; the last value of each."""
    fields = parse_qs((await http.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[-1].strip() for name, values in fields.items()}


def _switch(http: Request) -> dict[str, str]:
    """For each language the address of this page in it."""
    kept = [(name, value) for name, value in http.query_params.multi_items() if name != "lang"]
    return {language: "?" + urlencode([*kept, ("lang", language)]) for language in LANGUAGES}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["moment"] = moment
    environment.filters["coded"] = coded
    environment.filters["query"] = lambda values: urlencode(values)
    return environment


def coded(sentence: str) -> Markup:
    """A sentence whose parts between backticks are code; everything else stays text."""
    return Markup(re.sub(r"`(.+?)`", r"<code>\1</code>", str(escape(sentence))))


def number(value: Any, digits: int = 3) -> str:
    """A count with commas, another number with `digits` behind the point, – for none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() and abs(value) >= 10 else f"{value:.{digits}f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def moment(seconds: float | None) -> str:
    if seconds is None or not math.isfinite(seconds):
        return "–"
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s"


def plain_attributes(known: Mapping[str, Any]) -> dict[str, str]:
    """An item's or a person's attributes as words, those with a value."""
    shown = {}
    for name, value in known.items():
        if isinstance(value, list):
            value = " · ".join(map(str, value))
        if isinstance(value, float):
            value = f"{value:g}" if math.isfinite(value) else ""
        if value not in (None, ""):
            shown[name] = str(value)
    return shown
