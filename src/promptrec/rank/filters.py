"""Filters by attribute: `{"year": {"min": 1990}, "genres": {"any": ["Comedy"]}}`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from promptrec.data.catalogue import Catalogue
from promptrec.errors import NotFoundError, PromptrecError

Mask = npt.NDArray[np.bool_]
Conditions = Mapping[str, Mapping[str, Any]]

OPERATORS = ("eq", "any", "all", "none", "min", "max")
REMEMBERED = 256
LIST = pl.List(pl.String)


class Filters:
    """Which items of one catalogue pass. Every condition must hold; the latest 256 filters are remembered.

    eq: the value is this one (of a list attribute: these words and no others). any: it is, or has, one of these. all: a
    list attribute has all of these. none: it is, and has, none of these. min, max: a number within these bounds, which
    belong to it. An item without a value passes `none` alone.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._remembered: Callable[[str], Mask] = lru_cache(REMEMBERED)(self._compute)

    def mask(self, filters: Conditions) -> Mask:
        """(n,) true where an item passes. Raises NotFoundError for an unknown attribute and PromptrecError for an
        unknown operator or a value of another kind; each names the field.
        """
        try:
            written = json.dumps(filters, sort_keys=True)
        except (TypeError, ValueError) as error:
            raise PromptrecError(f"filters: expected words, numbers and lists of them ({error})") from None
        return self._remembered(written)

    def _compute(self, written: str) -> Mask:
        filters = json.loads(written)
        if not isinstance(filters, dict):
            raise PromptrecError(
                f'filters: expected an object such as {{"year": {{"min": 1990}}}}, found {written:.60}'
            )
        conditions = [pl.lit(True)]
        for name, wanted in filters.items():
            if name not in self.catalogue.attributes:
                there = ", ".join(self.catalogue.attributes) or "none"
                raise NotFoundError(f"filters.{name}: the catalogue has no such attribute; it has {there}")
            if not isinstance(wanted, dict) or not wanted:
                raise PromptrecError(
                    f"filters.{name}: expected an object with {', '.join(OPERATORS)}, found {wanted!r:.60}"
                )
            conditions += [self._condition(name, operator, value) for operator, value in wanted.items()]
        passed: Mask = self.catalogue.items.select(pl.all_horizontal(conditions)).to_series().to_numpy()
        passed = np.broadcast_to(passed, len(self.catalogue)).copy()
        passed.flags.writeable = False
        return passed

    def _condition(self, name: str, operator: str, value: Any) -> pl.Expr:
        where, kind = f"filters.{name}.{operator}", self.catalogue.items.schema[name]
        if operator not in OPERATORS:
            raise PromptrecError(f"{where}: no such operator; there are {', '.join(OPERATORS)}")
        column = pl.col(name).fill_nan(None) if kind.is_float() else pl.col(name)
        if operator in ("min", "max"):
            if not kind.is_numeric():
                raise PromptrecError(f"{where}: {name} has no numbers; use eq, any or none")
            bound = _checked(value, kind, where)
            within: pl.Expr = column >= bound if operator == "min" else column <= bound
            return within.fill_null(False)
        if operator == "all" and kind != LIST:
            raise PromptrecError(f"{where}: an item has one {name}; use eq or any")
        many = value if isinstance(value, list) else [value]
        if not isinstance(value, list) and operator != "eq":
            raise PromptrecError(f"{where}: expected a list, found {value!r:.60}")
        if isinstance(value, list) and operator == "eq" and kind != LIST:
            raise PromptrecError(f"{where}: expected one value, found a list; use any")
        many = [_checked(one, kind, where) for one in many]
        if kind != LIST:
            found = column.is_in(many).fill_null(False)
            return ~found if operator == "none" else found
        carried = [column.list.contains(word).fill_null(False) for word in many]
        if operator == "eq":
            return pl.all_horizontal([pl.lit(True), *carried]) & (column.list.n_unique() == len(set(many))).fill_null(
                False
            )
        if operator == "all":
            return pl.all_horizontal([pl.lit(True), *carried])
        some = pl.any_horizontal([pl.lit(False), *carried])
        return ~some if operator == "none" else some


def _checked(value: Any, kind: pl.DataType, where: str) -> Any:
    if kind.is_numeric():
        right, expected = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value), "a number"
    elif kind == pl.Boolean:
        right, expected = isinstance(value, bool), "true or false"
    else:
        right, expected = isinstance(value, str), "words"
    if not right:
        raise PromptrecError(f"{where}: expected {expected}, found {value!r:.60}")
    return value
