"""Values without a declared type: exactly what the driver gave.

The rule: nothing is changed but what JSON cannot hold. The table of what passes:

    int Decimal str                      as they are (finite, clean; no white space around a text)
    bool                                 yes and no: true and false are not among the receiver's types
    float                                as it is (finite)
    datetime                             RFC 3339 with offset
    date                                 YYYY-MM-DD
    time                                 HH:MM:SS[.ffffff]; a timedelta of one day at most in a TIME column (MySQL) too
    UUID                                 its canonical text
    list                                 of scalars, element by element
    dict, and text in a JSON column      the JSON value
    0 and 1 in a boolean column          no and yes, as numbers and as bytes (SQLite, MySQL's TINYINT(1) and BIT(1))
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
from etl.transform.problem import RefusedValueError, unsupported
from etl.transform.text import clean_text, ordinary_texts, time_of_day


class PlainRule:
    """A custom field without `type`; `kind` is the column's (`etl.page.Column`)."""

    repeats = False

    def __init__(self, kind: str | None, *, datetimes: DatetimeRule, dates: DateRule) -> None:
        self._kind = kind
        self._datetimes = datetimes
        self._dates = dates
        self._lists = ListRule(datetimes, kind=kind)
        self._json = JsonRule(kind)

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:  # noqa: PLR0911 - the table above
        """Columns of one type."""
        if cells.kinds == {str}:
            if self._kind in ("datetime", "datetime_tz"):
                return self._datetimes.ordinary(cells)
            if self._kind == "date":
                return self._dates.ordinary(cells)
            return None if self._kind in ("json", "list", "boolean") else ordinary_texts(cells)
        if cells.kinds == {datetime}:
            return self._datetimes.ordinary(cells)
        if cells.kinds == {date}:
            return self._dates.ordinary(cells)
        if cells.kinds == {bool}:
            return [None if one is None else "yes" if one else "no" for one in cells.items], ()
        return None if self._kind == "boolean" else ordinary_numbers(cells)

    def value(self, value: object) -> object:  # noqa: C901, PLR0911, PLR0912  # the table above, a line each
        """Raises RefusedValueError and DoubtfulValueError, as the rule of the value's type."""
        match value:
            case str() if self._kind in ("datetime", "datetime_tz"):
                return self._datetimes.value(value)
            case str() if self._kind == "date":
                return self._dates.value(value)
            case str() if self._kind == "json":
                found = self._json.value(value)
                return clean_text(found) if isinstance(found, str) else found
            case str() if self._kind == "list":
                return self._lists.value(value)
            case str():
                return clean_text(str(value))
            case bool():
                return "yes" if value else "no"
            case int() | bytes() if self._kind == "boolean":
                return _yes_no(value)
            case int() | float() | Decimal():
                return finite(value)
            case datetime():
                return self._datetimes.value(value)
            case date():
                return self._dates.value(value)
            case time():
                return value.isoformat()
            case timedelta() if self._kind == "time" and (clock := time_of_day(value)) is not None:
                return clock
            case UUID():
                return str(value)
            case list() if self._kind != "json" or _is_flat(value):
                return self._lists.value(value)
            case list():
                return self._json.value(value)
            case dict():
                return self._json.value(value)
            case _:
                raise unsupported(value)


def _is_flat(value: list[object]) -> bool:
    return not any(isinstance(one, list | dict) for one in value)


def _yes_no(value: int | bytes) -> str:
    if value in (1, b"\x01"):
        return "yes"
    if value in (0, b"\x00"):
        return "no"
    words = "the column is declared as true or false, and holds another number; declare `type: integer`"
    raise RefusedValueError("not_a_boolean", words)
