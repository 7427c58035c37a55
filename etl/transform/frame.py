"""The columns of a page, or of the products of a page, as pandas Series of dtype object.

The rule: a value in a column is the driver's own value, or None where it is missing (None, NaN, NaT, pd.NA); nothing is
inferred, widened or copied through a float (B1, B3). JSON texts in a column of kind "json", and texts of arrays in one
of kind "list", are parsed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from ctypes import c_float
from decimal import Decimal
from itertools import chain
from typing import Any

from etl.page import Column
from etl.transform.array_text import array_in
from etl.transform.cells import Cells, is_blank
from etl.transform.json_value import parse_json
from etl.transform.problem import BrokenJson, RefusedValueError

# Types of which some values mean "missing", beside those of pandas.
_SOMETIMES_MISSING = frozenset({float, Decimal})
# Fewer values than this are examined one by one, so that a small page does not load pandas.
_FEW = 100


class Frame:
    """Rows seen as columns, each made when it is asked for. A column that the rows lack is missing in all of them."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[tuple[object, ...]]) -> None:
        self.length = len(rows)
        values, width = list(chain.from_iterable(rows)), len(columns)
        assert len(values) == width * self.length, "a row has a value for each column"
        self._values = {column.name: values[at::width] for at, column in enumerate(columns)}
        self._made: dict[str, Cells] = {}
        self._json = frozenset(column.name for column in columns if column.kind == "json")
        self._singles = frozenset(column.name for column in columns if column.is_single)
        self._lists = frozenset(column.name for column in columns if column.kind == "list")

    def column(self, name: str) -> Cells:
        """The column `name`."""
        made = self._made.get(name)
        if made is None:
            values = self._values.get(name)
            made = without_missing([None] * self.length if values is None else values)
            if name in self._json and str in made.kinds:
                made = Cells([_decoded(value) if isinstance(value, str) else value for value in made.items])
            if name in self._lists and str in made.kinds:
                made = Cells([array_in(value) if isinstance(value, str) else value for value in made.items])
            if name in self._singles:
                made = Cells([_fewest_digits(value) if isinstance(value, float) else value for value in made.items])
            self._made[name] = made
        return made

    def first_present(self, names: Sequence[str], *, keep_empty: bool) -> Cells:
        """For each row the first value among the columns `names`; a blank text is no value unless `keep_empty`."""
        found = self.column(names[0])
        for name in names[1:]:
            pairs = zip(found.items, self.column(name).items, strict=True)
            found = Cells([other if one is None or (is_blank(one) and not keep_empty) else one for one, other in pairs])
        return found

    def put(self, name: str, column: Cells) -> None:
        """Add a column of this length."""
        self._made[name] = column


def _fewest_digits(single: float) -> float:
    """The float with the fewest digits that is the same as `single` in four bytes; nine digits always are enough."""
    shorter = (float(f"{single:.{digits}g}") for digits in (6, 7, 8))
    return next((one for one in shorter if c_float(one).value == single), float(f"{single:.9g}"))


def _decoded(text: str) -> object:
    try:
        return parse_json(text) if text.strip() else None
    except RefusedValueError as refused:
        return BrokenJson.of(text, refused)


def without_missing(values: list[Any]) -> Cells:
    """A column of `values` in which every missing one is None."""
    cells = Cells(values)
    if _SOMETIMES_MISSING.isdisjoint(cells.kinds) and not any(map(_of_pandas, cells.kinds)):
        return cells
    if cells.kinds == {Decimal}:
        # Not by pandas, which raises for a signalling NaN.
        if not any(map(Decimal.is_nan, cells.present())):
            return cells
        return Cells([None if one is None or one.is_nan() else one for one in values])
    if Decimal not in cells.kinds and len(values) >= _FEW:
        missing = cells.series.isna()
        return Cells(cells.series.where(~missing, None).tolist()) if missing.any() else cells
    return Cells([None if _is_missing(one) else one for one in values])


def _is_missing(value: object) -> bool:
    if isinstance(value, float):
        return math.isnan(value)
    return value.is_nan() if isinstance(value, Decimal) else value is None or type(value).__name__ in _MISSING_TYPES


def _of_pandas(kind: type) -> bool:
    return kind.__module__.startswith("pandas.")


# Those of pandas.NaT and pandas.NA, without loading pandas.
_MISSING_TYPES = frozenset({"NaTType", "NAType"})
