"""Numbers: exact, or a problem.

The rule: no number passes through a float on its way. Integers of any size and decimals keep every digit; a float stays
the float it is, whose JSON is the shortest text that is read back the same. NaN counts as missing before it gets here;
infinities, and what a double cannot tell from them, are problems; minus zero is zero.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from etl.transform.cells import Cells
from etl.transform.problem import RefusedValueError

_WHOLE = re.compile(r"[+-]?\d{1,1000}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d{1,1000}(?:\.\d{0,1000})?|\.\d{1,1000})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WITH_COMMA = re.compile(
    r"[+-]?(?=,?\d)(?:\d{1,3}(?:(?P<group>[. \xa0\u202f'\u2019])\d{3})(?:(?P=group)\d{3})*|\d{0,1000})(?:,\d{0,1000})?",
    re.ASCII,
)
_GROUPING = re.compile(r"[. \u00a0\u202f'\u2019]")
_MOST_DIGITS = 1000
# Receivers read numbers as doubles, so a larger one would be infinite to them.
_LARGEST, _MOST_EXPONENT = sys.float_info.max, sys.float_info.max_10_exp
_MOST_BITS = 1024
_SMALL = 2**63
_TOO_LARGE = "the number is larger than 1.797e308, which no double holds"


def finite(value: float | Decimal) -> int | float | Decimal:
    """The number itself, without a minus before zero. Raises RefusedValueError (not_finite, too_long)."""
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS or abs(value) > _LARGEST:
            raise RefusedValueError("too_long", _TOO_LARGE)
        return int(value)
    if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
        raise RefusedValueError("not_finite", "the number is not finite")
    if isinstance(value, float):
        return float(value) + 0.0  # -0.0 + 0.0 is 0.0
    if value.adjusted() < -_MOST_DIGITS:
        raise RefusedValueError("too_long", f"the number has more than {_MOST_DIGITS:,} digits")
    # By the exponent first, because arithmetic with 1E+99999999 fails.
    if value.adjusted() > _MOST_EXPONENT or value.copy_abs() > _LARGEST:
        raise RefusedValueError("too_long", _TOO_LARGE)
    return value or value.copy_abs()


def parse_number(text: str, *, decimal_separator: str = ".") -> int | Decimal:
    """The exact number that `text` says. Raises RefusedValueError (not_a_number).

    With a point for decimals nothing groups thousands. With a comma, points, spaces and apostrophes may, in groups of
    three digits: `1.234`, `1.234,50`, `1 234,5`.
    """
    trimmed = text.strip()
    if decimal_separator == ",":
        if not _WITH_COMMA.fullmatch(trimmed):
            raise RefusedValueError("not_a_number", "the text is not a number such as 12 or 1.234,50")
        trimmed = _GROUPING.sub("", trimmed).replace(",", ".")
    if _WHOLE.fullmatch(trimmed):
        return int(trimmed)
    if _NUMBER.fullmatch(trimmed):
        return Decimal(trimmed)
    raise RefusedValueError("not_a_number", "the text is not a number such as 12 or 12.50")


def ordinary_numbers(cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
    """A column whose numbers pass `finite` unchanged, and the rows to be checked one by one; None: neither is sure."""
    present = cells.present()
    if int in cells.kinds and cells.kinds <= {int, float}:
        # Beside floats too: SQLite keeps the whole numbers of a NUMERIC column as integers.
        fit = min(present) > -_SMALL and max(present) < _SMALL
        if not fit or float not in cells.kinds:
            return (cells.items, ()) if fit else None
    elif cells.kinds == {float}:
        if not all(map(math.isfinite, present)):
            return None
    elif cells.kinds == {Decimal}:
        sizes = list(map(Decimal.adjusted, present))
        if not all(map(Decimal.is_finite, present)) or max(sizes) > 100 or min(sizes) < -100:
            return None
    else:
        return None
    if all(present):
        return cells.items, ()
    # Zeros may have a minus.
    return list(cells.items), [row for row, value in enumerate(cells.items) if value is not None and not value]


class NumberRule:
    """Types number, decimal and integer.

    number keeps what the database holds; decimal makes a float the decimal that it is shown as; integer takes whole
    numbers only, whatever their type.
    """

    repeats = False

    def __init__(self, form: Literal["number", "decimal", "integer"], *, decimal_separator: str = ".") -> None:
        self._form = form
        self._separator = decimal_separator

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Columns of one type of numbers, in the form that is asked for."""
        forms: dict[str, set[type]] = {"number": {int, float, Decimal}, "decimal": {int, Decimal}, "integer": {int}}
        return ordinary_numbers(cells) if cells.kinds <= forms[self._form] else None

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_a_number, not_an_integer, not_finite, too_long)."""
        match value:
            case str():
                if not value.strip():
                    return None
                number: int | float | Decimal = finite(parse_number(value, decimal_separator=self._separator))
            case bool():
                number = int(value)
            case int() | float() | Decimal():
                number = finite(value)
            case _:
                raise RefusedValueError("not_a_number", f"a value of type {type(value).__name__} is not a number")
        match self._form:
            case "decimal":
                return finite(Decimal(repr(number))) if isinstance(number, float) else number
            case "integer":
                if isinstance(number, int):
                    return number
                if number != int(number):
                    raise RefusedValueError("not_an_integer", "the number has a fraction")
                return int(number)
            case _:
                return number
