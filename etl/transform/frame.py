"""The columns of a page, or of the products of a page, as pandas Series of dtype object.

The rule: a value in a column is the driver's own value, or None where it is missing (None, NaN, NaT, pd.NA); nothing is
inferred, widened or copied through a float (B1, B3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

import pandas as pd

from etl.page import Column
from etl.transform.cells import Cells

# Types of which some values mean "missing".
_SOMETIMES_MISSING = frozenset({float, Decimal, type(pd.NaT), type(pd.NA)})


class Frame:
    """Rows seen as columns, each made when it is asked for. A column that the rows lack is missing in all of them."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> None:
        self.length = len(rows)
        values, width = list(chain.from_iterable(rows)), len(columns)
        assert len(values) == width * self.length, "a row has a value for each column"
        self._values = {column.name: values[at::width] for at, column in enumerate(columns)}
        self._made: dict[str, Cells] = {}

    def column(self, name: str) -> Cells:
        """The column `name`."""
        made = self._made.get(name)
        if made is None:
            values = self._values.get(name)
            made = self._made[name] = without_missing([None] * self.length if values is None else values)
        return made

    def put(self, name: str, column: Cells) -> None:
        """Add a column of this length."""
        self._made[name] = column


def without_missing(values: list[Any]) -> Cells:
    """A column of `values` in which every missing one is None."""
    cells = Cells(values)
    if _SOMETIMES_MISSING.isdisjoint(cells.kinds):
        return cells
    if cells.kinds == {Decimal}:
        # Asked of pandas, a signalling NaN raises.
        if not any(map(Decimal.is_nan, cells.present())):
            return cells
        return Cells([None if one is None or one.is_nan() else one for one in values])
    if Decimal not in cells.kinds:
        missing = cells.series.isna()
        return Cells(cells.series.where(~missing, None).tolist()) if missing.any() else cells
    return Cells([None if _is_missing(one) else one for one in values])


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value.is_nan() if isinstance(value, Decimal) else value is None or value is pd.NaT or value is pd.NA
