"""Text as numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

LATEST = 1e11  # epoch seconds, in the year 5138: larger numbers are milliseconds
_SECONDS = (1e9, 1e10)  # from 2001 to 2286 as seconds; as milliseconds the first months of 1970
_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")


def plain_text(column: pl.Series) -> pl.Series:
    """Text; the words of a list between spaces."""
    if isinstance(column.dtype, pl.List):
        return column.list.drop_nulls().list.join(" ")
    return column.cast(pl.String)


def numbers(column: pl.Series) -> pl.Series:
    """Float64, null where the text is no number."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    return column.cast(pl.Float64, strict=False)


def epoch_scale(column: pl.Series) -> float | None:
    """What times given as numbers are divided by: 1 for seconds, 1000 for milliseconds; None without a number."""
    found = numbers(column)
    typical = found.filter(found.is_finite()).abs().median()
    if not isinstance(typical, float):
        return None
    return 1000.0 if typical >= LATEST else 1.0


def times(column: pl.Series, scale: float) -> pl.Series:
    """Epoch seconds from numbers or ISO 8601 (UTC where it names no zone); null where it is neither, from the year 5138
    on, and for what must be seconds where the others are milliseconds.
    """
    found = numbers(column)
    found = found.set(~found.is_finite().fill_null(True), None)
    if scale > 1:
        size = found.abs()
        found = found.set(((size >= _SECONDS[0]) & (size < _SECONDS[1])).fill_null(False), None)
    found = found / scale
    found = found.set((found.abs() >= LATEST).fill_null(False), None)
    if column.dtype != pl.String or found.null_count() == column.null_count():
        return found
    for form in _FORMATS:
        left = found.is_null() & column.is_not_null()
        if not left.any():
            return found
        zone = "UTC" if form.endswith("z") else None
        moments = column.str.strip_chars().str.to_datetime(form, strict=False, time_unit="us", time_zone=zone)
        found = found.fill_null(_early(moments.dt.timestamp("us") / 1e6))
    texts = column.filter(found.is_null() & column.is_not_null()).unique()
    if texts.is_empty():
        return found
    parsed = {text: _iso(text) for text in texts.to_list()}
    return found.fill_null(_early(column.replace_strict(parsed, default=None, return_dtype=pl.Float64)))


def _early(seconds: pl.Series) -> pl.Series:
    return seconds.set((seconds >= LATEST).fill_null(False), None)


def _iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
