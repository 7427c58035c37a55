r"""Text: what the receiver gets for fields such as names, ids and postal codes.

The rule: a text passes without the white space around it, otherwise unchanged, or not at all. Lone surrogates, NUL and
control characters other than tab, LF and CR (Unicode category Cc, U+0080 to U+009F included) are problems, because they
break the request or the reader.

Other values have one form: integers and decimals their exact digits, floats the shortest that is read back the same
(without `.0` when whole), true and false, dates and datetimes ISO 8601, UUIDs their canonical text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from etl.transform.apply import Rule
from etl.transform.cells import Cells, is_blank
from etl.transform.moment import DatetimeRule
from etl.transform.problem import RefusedValueError, unsupported

_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Texts that are broken, or may consist only of characters without width.
_ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]|^[\u00ad\u180e\u200b-\u200f\u2060\ufeff]")
_DAY = timedelta(days=1)
_MIDNIGHT = datetime(2000, 1, 1)  # noqa: DTZ001  # only its time of day is looked at
_BROKEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def clean_text(text: str) -> str:
    """`text` without white space around it; "" for a blank one.

    Raises RefusedValueError (not_unicode, control_characters).
    """
    text = text.strip()
    return "" if is_blank(text) else unbroken(text)


def unbroken(text: str) -> str:
    """`text` itself. Raises RefusedValueError (not_unicode, control_characters)."""
    found = _BROKEN.search(text)
    if found is None:
        return text
    if _SURROGATE.search(text):
        raise RefusedValueError("not_unicode", "the text holds half a surrogate pair")
    raise RefusedValueError("control_characters", f"the text holds the control character U+{ord(found.group()):04X}")


def ordinary_texts(cells: Cells) -> tuple[list[Any], Iterable[int]]:
    """A column of texts without white space around them, and the rows that do not pass `clean_text`."""
    items = cells.items
    present = cells.present()
    stripped = list(map(str.strip, present))
    if stripped != present:
        left = iter(stripped)
        items = [None if text is None else next(left) for text in items]
    joined = "".join(stripped)
    # A shortcut: most pages are printable, and this test is faster than the pattern.
    if joined.isprintable():
        return items, ()
    search = _ODD.search
    odd = [row for row, text in enumerate(items) if text is not None and search(text)]
    return (list(items), odd) if odd else (items, ())


class TextRule:
    """Any scalar as text.

    `moments` writes datetimes; `digits`: integers and decimals are so wide, with zeros in front (None: as they are).
    `is_time`: the column's times of day come as durations since midnight (MySQL).
    """

    repeats = False

    def __init__(self, moments: DatetimeRule, *, digits: int | None = None, is_time: bool = False) -> None:
        self._moments = moments
        self._digits = digits or 0
        self._is_time = is_time

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Texts and integers."""
        if cells.kinds == {str}:
            return ordinary_texts(cells)
        if cells.kinds == {int} and not self._digits:
            if cells.has_missing:
                return [None if value is None else str(value) for value in cells.items], ()
            return list(map(str, cells.items)), ()
        return None

    def value(self, value: object) -> object:  # noqa: C901, PLR0911  # one line a type is the table
        """Raises RefusedValueError (not_text, unsupported_type, not_finite, and as `clean_text`)."""
        match value:
            case str():
                return clean_text(str(value))
            case bool():
                return "true" if value else "false"
            case int():
                return f"{value:0{self._digits}}"
            case Decimal():
                return text_of_decimal(value).zfill(self._digits)
            case float():
                return text_of_float(value)
            case datetime():
                return self._moments.value(value)
            case date() | time():
                return value.isoformat()
            case timedelta() if self._is_time and (clock := time_of_day(value)) is not None:
                return clock
            case UUID():
                return str(value)
            case list() | dict():
                raise RefusedValueError("not_text", f"a value of type {type(value).__name__} is not a text")
            case _:
                raise unsupported(value)


def time_of_day(since_midnight: timedelta) -> str | None:
    """HH:MM:SS[.ffffff]; None for what is no time of a day."""
    if not timedelta() <= since_midnight < _DAY:
        return None
    return (_MIDNIGHT + since_midnight).time().isoformat()


class AsTextRule:
    """Makes texts of other scalars before steps work on them; texts and lists pass as they are, clean or not."""

    repeats = False

    def __init__(self, text: Rule) -> None:
        self._text = text

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Texts and lists."""
        return (cells.items, ()) if cells.kinds <= {str, list} else None

    def value(self, value: object) -> object:
        """Raises as the rule of type text."""
        return value if isinstance(value, str | list) else self._text.value(value)


def text_of_decimal(value: Decimal) -> str:
    """Every digit, no exponent, no minus before a zero."""
    if not value.is_finite():
        raise RefusedValueError("not_finite", "the number is not finite")
    if abs(value.adjusted()) > 1000:
        raise RefusedValueError("too_long", "the number has more than 1,000 digits")
    return format(value or value.copy_abs(), "f")


def text_of_float(value: float) -> str:
    """The shortest text that is read back the same; whole numbers without `.0`."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN is the value unequal to itself
        raise RefusedValueError("not_finite", "the number is not finite")
    if value.is_integer() and abs(value) < 1e16:  # from there on Python's own form has no `.0`
        return str(int(value))
    return text_of_decimal(Decimal(repr(value)))
