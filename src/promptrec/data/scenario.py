"""A scenario: one SQL expression that says which events a prompt is tuned for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.dataset import Dataset
from promptrec.errors import PromptrecError


def match(dataset: Dataset, expression: str) -> npt.NDArray[np.bool_]:
    """Which events match, aligned with `dataset.histories`.

    The columns are user, item, time, kind, value (also under the file's own name for it, such as rating), everything
    known about the item, `weekday` (1 Monday to 7 Sunday) and `hour` (both UTC), and `event_number` (1 is the person's
    first). Columns named like words of SQL are quoted: `"user" = '196'`. Raises PromptrecError where the expression
    does not parse, is no condition or matches nothing.
    """
    frame = columns(dataset)
    try:
        found = frame.select(pl.sql_expr(expression)).to_series()
    except pl.exceptions.ColumnNotFoundError as error:
        what = str(error).partition(";")[0]
        raise PromptrecError(f"scenario {expression!r}: {what}; the columns are {', '.join(frame.columns)}") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = (str(error) or "not one expression").splitlines()[0]
        raise PromptrecError(
            f"scenario {expression!r}: is not a valid SQL expression ({reason}); "
            'a column named like a word of SQL goes in double quotes, as in "user"'
        ) from None
    if found.dtype != pl.Boolean or len(found) != len(frame):
        raise PromptrecError(
            f"scenario {expression!r}: expected a condition that is true or false for each event, such as "
            f"`event_number <= 3`; found {found.dtype} for {len(found):,} of {len(frame):,} events"
        )
    matches: npt.NDArray[np.bool_] = found.fill_null(False).to_numpy()
    if not matches.any():
        raise PromptrecError(f"scenario {expression!r}: matches none of {len(frame):,} events; loosen it")
    return matches


def columns(dataset: Dataset) -> pl.DataFrame:
    """The events on items with the columns that a scenario may name."""
    moment = pl.from_epoch(pl.col("time").floor().cast(pl.Int64), time_unit="s")
    events = dataset.events.filter(pl.col("item").is_not_null()).select(
        "user",
        "item",
        "time",
        "kind",
        "value",
        weekday=moment.dt.weekday(),
        hour=moment.dt.hour(),
        event_number=pl.int_range(1, pl.len() + 1).over("user"),
    )
    named = str(dataset.manifest.get("value_name", "value"))
    if named not in events.columns:
        events = events.with_columns(pl.col("value").alias(named))
    items = dataset.items.select(pl.col("id").alias("item"), pl.exclude("id", *events.columns))
    return events.join(items, on="item", how="left", maintain_order="left")
