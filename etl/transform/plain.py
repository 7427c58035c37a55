"""Values without a declared type: exactly what the driver gave.

The rule: nothing is changed but what JSON cannot hold. The table of what passes:

    int Decimal bool str                 as they are (finite, clean)
    float                                as it is (finite)
    datetime                             RFC 3339 with offset
    date                                 YYYY-MM-DD
    time                                 HH:MM:SS[.ffffff]; a timedelta of one day at most in a TIME column (MySQL) too
    UUID                                 its canonical text
    list                                 of scalars, element by element
    dict, and text in a JSON column      the JSON value
    bytes 0 and 1 in a boolean column    false and true (MySQL's BIT(1))
    text in a date or datetime column    as the date or datetime that it is (SQLite)

Anything else - bytes, intervals, ranges, geometries - is a problem with the type's name, never `str()` (B13).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from etl.transform.cells import Cells
from etl.transform.json_value import JsonRule, ListRule
from etl.transform.moment import DateRule, DatetimeRule
from etl.transform.number import finite, ordinary_numbers
from etl.transform.refusal import unsupported
from etl.transform.text import clean_text, ordinary_texts

_DAY = timedelta(days=1)
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001  # only its time of day is looked at


class PlainRule:
    """A custom field without `type`; `kind` is the column's (`etl.page.Column`)."""

    repeats = False

    def __init__(self, kind: str | None, *, datetimes: DatetimeRule, dates: DateRule) -> None:
        self._kind = kind
        self._datetimes = datetimes
        self._dates = dates
        self._lists = ListRule(datetimes)
        self._json = JsonRule()

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Columns of one type."""
        if cells.kinds == {str}:
            if self._kind in ("datetime", "datetime_tz"):
                return self._datetimes.ordinary(cells)
            if self._kind == "date":
                return self._dates.ordinary(cells)
            return None if self._kind == "json" else ordinary_texts(cells)
        if cells.kinds == {datetime}:
            return self._datetimes.ordinary(cells)
        if cells.kinds == {date}:
            return self._dates.ordinary(cells)
        return (cells.items, ()) if cells.kinds == {bool} else ordinary_numbers(cells)

    def value(self, value: object) -> object:  # noqa: C901, PLR0911, PLR0912  # the table above, a line each
        """Raises RefusedValueError and DoubtfulValueError, as the rule of the value's type."""
        match value:
            case str() if self._kind in ("datetime", "datetime_tz"):
                return self._datetimes.value(value)
            case str() if self._kind == "date":
                return self._dates.value(value)
            case str() if self._kind == "json":
                return self._json.value(value)
            case str():
                return clean_text(str(value))
            case bool():
                return value
            case int() | float() | Decimal():
                return finite(value)
            case datetime():
                return self._datetimes.value(value)
            case date():
                return self._dates.value(value)
            case time():
                return value.isoformat()
            case timedelta() if self._kind == "time" and timedelta() <= value < _DAY:
                return (_MIDNIGHT + value).time().isoformat()
            case UUID():
                return str(value)
            case list():
                return self._json.value(value) if self._kind == "json" else self._lists.value(value)
            case dict():
                return self._json.value(value)
            case bytes() if self._kind == "boolean" and value in (b"\x00", b"\x01"):
                return value == b"\x01"
            case _:
                raise unsupported(value)
