"""Datetimes and dates, as RFC 3339 with an offset and as YYYY-MM-DD.

The rule: what is sent cannot be misread. A datetime has whole seconds, the receiver's documented form, and always its
offset (B10). `type: date` takes the day of a datetime: the local day of a naive one, and of an aware one the day in
source.timezone when that is set. `type: datetime` takes a date for midnight in source.timezone (B9).

Text forms that are read, since SQLite keeps text: `2024-01-02 03:04[:05[.678901]]`, with `T`, with `Z`, with an offset
(`+01`, `+0100`, `+01:00`); `2024-01-02`, and `02-01-2024` for dates (day first, as the receiver documents it). Whole
numbers, and texts of nothing but such digits, are what their size says: 20240131, 202401310930 and 20240131093000 a
date and a time in source.timezone, above 10**8 unix seconds, above 10**11 milliseconds, up to the year 2100; other
numbers are problems. Fractions of seconds are cut.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from etl.transform.cells import Cells
from etl.transform.problem import DoubtfulValueError, RefusedValueError
from etl.transform.zone import UTC_ZONES, LocalTime, iso_texts, with_utc, written

_DATETIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?:(:\d\d)(?:[.,](\d{1,12}))?)?\s?(?:([Zz]|UTC)|([+-]\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_DAY_FIRST = re.compile(r"(\d\d)-(\d\d)-(\d{4})", re.ASCII)
# A whole column of what SQLite's CURRENT_TIMESTAMP, SQLAlchemy and strftime('%f') write, one a line.
_ORDINARY = re.compile(r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?\n)*+", re.ASCII)
_FRACTION = re.compile(r"\.\d+\n", re.ASCII)
_ORDINARY_DATES = re.compile(r"(?:\d{4}-\d\d-\d\d\n)*", re.ASCII)
_ANY_DIGIT = str.maketrans("123456789", "000000000")
# A century.
_MOST_DATES_REMEMBERED = 36_525
_FIRST_UNIX_SECOND, _LAST_UNIX_SECOND = 10**8, 4_102_444_800
_FIRST_MILLISECOND = 10**11
_DIGITS_OF_A_DAY = re.compile(r"(?:19|20)\d{6}", re.ASCII)
_WRITTEN_BY_LENGTH = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_DIGITS_OF_A_MOMENT = re.compile(r"\d{8,14}", re.ASCII)


def parse_datetime(text: str) -> datetime:
    """The datetime that `text` spells, naive without an offset. Raises RefusedValueError (not_a_datetime)."""
    found = _DATETIME.fullmatch(text.strip())
    if found is None:
        raise RefusedValueError("not_a_datetime", "the text is not a date with a time such as 2024-01-31 12:00:00")
    day, minute, second, fraction, zulu, hours, minutes = found.groups()
    offset = "+00:00" if zulu else f"{hours}:{minutes or '00'}" if hours else ""
    try:
        return datetime.fromisoformat(f"{day}T{minute}{second or ':00'}.{(fraction or '').ljust(6, '0')[:6]}{offset}")
    except ValueError:
        raise RefusedValueError("not_a_datetime", "the text names a date or time that does not exist") from None


def moment_of_number(number: int) -> datetime | date:
    """The datetime of a whole number: YYYYMMDD, optionally with HHMM or HHMMSS, or unix seconds or milliseconds.

    Raises RefusedValueError (not_a_datetime).
    """
    digits = str(number)
    if _DIGITS_OF_A_DAY.fullmatch(digits[:8]) and len(digits) in _WRITTEN_BY_LENGTH:
        try:
            moment = datetime.strptime(digits, _WRITTEN_BY_LENGTH[len(digits)])  # noqa: DTZ007  # its zone is the source's
        except ValueError:
            pass
        else:
            return moment.date() if len(digits) == 8 else moment
    if _FIRST_UNIX_SECOND < number < _LAST_UNIX_SECOND:
        return datetime.fromtimestamp(number, UTC)
    if _FIRST_MILLISECOND < number < _LAST_UNIX_SECOND * 1000:
        return datetime.fromtimestamp(number // 1000, UTC)
    raise RefusedValueError("not_a_datetime", "the number is no date, nor unix time in seconds or milliseconds")


def _whole(value: object) -> int | None:
    """A whole number of any numeric type; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return int(value) if isinstance(value, int) or (math.isfinite(value) and value == int(value)) else None


def parse_date(text: str) -> date:
    """The date that `text` says; of a datetime its own day. Raises RefusedValueError (not_a_date)."""
    trimmed = text.strip()
    if found := _DATE.fullmatch(trimmed):
        year, month, day = found.groups()
    elif found := _DAY_FIRST.fullmatch(trimmed):
        day, month, year = found.groups()
    elif _DIGITS_OF_A_DAY.fullmatch(trimmed):
        year, month, day = trimmed[:4], trimmed[4:6], trimmed[6:]
    else:
        try:
            return parse_datetime(trimmed)
        except RefusedValueError:
            raise RefusedValueError("not_a_date", "the text is not a date such as 2024-01-31") from None
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise RefusedValueError("not_a_date", "the text names a date that does not exist") from None


def _iso_forms(texts: list[str]) -> list[str] | None:
    # The texts as datetime.isoformat writes them; None when one of them is not ordinary.
    joined = "\n".join(texts) + "\n"
    if not _ORDINARY.fullmatch(_sample(joined, len(texts))):
        return None
    try:
        # Parsed only to check that they exist.
        deque(map(datetime.fromisoformat, texts), maxlen=0)
    except ValueError:
        return None
    return _FRACTION.sub("\n", joined.replace(" ", "T")).split("\n")[:-1]


def _sample(joined: str, lines: int) -> str:
    # For a pattern that treats all digits alike: of `joined` lines one is enough if all have the same shape.
    shape = joined.translate(_ANY_DIGIT)
    first = shape[: shape.index("\n") + 1]
    return first if shape == first * lines else joined


class DatetimeRule:
    """Type datetime. `zone` is that of naive values; `column_is_utc`: the column has a zone, and its driver drops it.

    Sessions are in UTC (A23), so a naive value of such a column (MySQL's TIMESTAMP) is UTC.
    """

    repeats = False

    def __init__(self, zone: LocalTime, *, column_is_utc: bool = False) -> None:
        self.zone = zone
        self._values_zone = LocalTime("UTC") if column_is_utc else zone

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Columns without None, of datetimes in one zone or in none, or of texts without an offset."""
        if cells.has_missing:
            return self._beside_missing(cells)
        if cells.kinds == {datetime}:
            zones = {moment.tzinfo for moment in cells.items}
            if zones == {None}:
                return self._values_zone.write_all(iso_texts(cells))
            return (with_utc(iso_texts(cells)), ()) if zones <= UTC_ZONES else None
        texts = _iso_forms(cells.items) if cells.kinds == {str} else None
        return None if texts is None else self.zone.write_all(texts)

    def _beside_missing(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        there = [row for row, value in enumerate(cells.items) if value is not None]
        found = self.ordinary(Cells(cells.present()))
        if found is None:
            return None
        results: list[Any] = [None] * len(cells.items)
        for row, text in zip(there, found[0], strict=True):
            results[row] = text
        return results, [there[row] for row in found[1]]

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_a_datetime, missing_timezone) and DoubtfulValueError."""
        moment = self.moment(value)
        if moment is None:
            return None
        if moment.tzinfo is not None:
            return written(moment)
        return (self._values_zone if isinstance(value, datetime) else self.zone).write(moment)

    def moment(self, value: object) -> datetime | None:
        """The datetime that a value says, naive or aware; None for blank text. A date is its midnight."""
        moment: object = value
        if isinstance(value, str):
            if not value.strip():
                return None
            moment = _said(value)
        elif (number := _whole(value)) is not None:
            moment = moment_of_number(number)
        if isinstance(moment, datetime):
            return moment
        if isinstance(moment, date):
            return datetime.combine(moment, time())
        raise RefusedValueError("not_a_datetime", f"a value of type {type(value).__name__} is not a date with a time")


def _said(text: str) -> date:
    try:
        return parse_datetime(text)
    except RefusedValueError as refused:
        if _DIGITS_OF_A_MOMENT.fullmatch(text.strip()):
            return moment_of_number(int(text))
        try:
            return parse_date(text)
        except RefusedValueError:
            raise refused from None


class _DateTexts(dict[date | None, str | None]):
    """Dates as texts, each written once; None stays None."""

    def __missing__(self, day: date | None) -> str | None:
        text = self[day] = None if day is None else day.isoformat()
        return text


class DateRule:
    """Type date. `zone` tells on which day an aware datetime falls."""

    repeats = False

    def __init__(self, zone: LocalTime) -> None:
        self._zone = zone
        self._texts = _DateTexts()

    def ordinary(self, cells: Cells) -> tuple[list[Any], Iterable[int]] | None:
        """Dates, and texts that are dates."""
        if cells.kinds == {date}:
            if len(self._texts) > _MOST_DATES_REMEMBERED:
                self._texts = _DateTexts()
            return list(map(self._texts.__getitem__, cells.items)), ()
        if cells.kinds == {str}:
            texts = cells.present()
            if not _ORDINARY_DATES.fullmatch(_sample("\n".join(texts) + "\n", len(texts))):
                return None
            try:
                # Parsed only to check that they exist: the texts are sent as they are.
                deque(map(date.fromisoformat, texts), maxlen=0)
            except ValueError:
                return None
            return cells.items, ()
        return None

    def value(self, value: object) -> object:
        """Raises RefusedValueError (not_a_date)."""
        day = self.day(value)
        return None if day is None else day.isoformat()

    def day(self, value: object) -> date | None:
        """The date that a value says; None for blank text."""
        if isinstance(value, str):
            if not value.strip():
                return None
            value = parse_date(value)
        elif (number := _whole(value)) is not None and _DIGITS_OF_A_DAY.fullmatch(str(number)):
            value = parse_date(str(number))
        match value:
            case datetime():
                if value.tzinfo is not None and self._zone.zone is not None:
                    try:
                        return value.astimezone(self._zone.zone).date()
                    except OverflowError:
                        raise RefusedValueError("not_a_date", "the day lies outside of the years 1 to 9999") from None
                return value.date()
            case date():
                return value
        raise RefusedValueError("not_a_date", f"a value of type {type(value).__name__} is not a date")


def settled_datetime(rule: DatetimeRule, value: object) -> str | None:
    """As `rule.value`, but accepting doubtful times silently: for datetimes inside lists and templates."""
    try:
        return rule.value(value)  # type: ignore[return-value]  # text or None
    except DoubtfulValueError as doubt:
        return str(doubt.taken)
