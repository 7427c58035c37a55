"""The columns of a page, or of the products of a page, as pandas Series of dtype object.

The rule: a value in a column is the driver's own value, or None where it is missing (None, NaN, NaT, pd.NA); nothing is
inferred, widened or copied through a float (B1, B3).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from operator import itemgetter
from typing import Any

import pandas as pd

from etl.page import Column
from etl.transform.settle import objects

# Types of which some values mean "missing".
_SOMETIMES_MISSING = frozenset({float, Decimal, type(pd.NaT), type(pd.NA)})


class Frame:
    """Rows seen as columns, each made when it is asked for. A column that the rows lack is missing in all of them."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> None:
        self.length = len(rows)
        self._rows = rows
        self._at = {column.name: at for at, column in enumerate(columns)}
        self._made: dict[str, pd.Series[Any]] = {}

    def column(self, name: str) -> pd.Series[Any]:
        """The column `name`."""
        made = self._made.get(name)
        if made is None:
            at = self._at.get(name)
            values = [None] * self.length if at is None else list(map(itemgetter(at), self._rows))
            made = self._made[name] = without_missing(values)
        return made

    def put(self, name: str, column: pd.Series[Any]) -> None:
        """Add a column of this length."""
        self._made[name] = column


def without_missing(values: list[object]) -> pd.Series[Any]:
    """A column of `values` in which every missing one is None."""
    column = objects(values)
    if _SOMETIMES_MISSING.isdisjoint(map(type, values)):
        return column
    try:
        missing = column.isna()
    except InvalidOperation:
        # A signalling NaN does not even compare.
        return objects([None if isinstance(one, Decimal) and one.is_nan() else one for one in values])
    return column.where(~missing, None) if missing.any() else column
