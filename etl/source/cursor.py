"""The cursor's domain: what its values are, and how an instant, a duration or a person's text becomes one.

The database compares values; this module only makes them, in exactly the form that the column uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from etl.errors import UsageProblem
from etl.page import Scalar
from etl.secret import shown_value
from etl.source.plan import DEFAULT_LOOKBACK, DEFAULT_SETTLE, ReadPlan
from etl.source.text_shape import TextShape, moment_of, shape_of

CursorKind = Literal["datetime", "datetime_tz", "date", "epoch", "integer", "text"]
EpochUnit = Literal["epoch_seconds", "epoch_milliseconds"]

ZERO = timedelta(0)
# Databases in a file, whose writing transactions follow each other: none commits after one that began later.
FILE_DIALECTS = frozenset({"sqlite", "duckdb"})
_TIME_KINDS = frozenset({"datetime", "datetime_tz", "date", "epoch"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: dict[EpochUnit, timedelta] = {
    "epoch_seconds": timedelta(seconds=1),
    "epoch_milliseconds": timedelta(milliseconds=1),
}
_RAW_EPOCH = re.compile(r"\d{9,}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CursorDomain:
    """What the cursor column holds. `shape` is set where times are kept as text, or as the digits of a number.

    `kind` is "epoch" for integers that count `unit` since 1970, "integer" for those that follow no clock. "text": the
    column has no value yet. `numeric`: the digits of `shape` are stored as a number. `unique`: no two rows share a
    value. `zone` is the mapping's `source.timezone` (UTC when it names none): that of naive times and of calendar days.
    `granularity` is the smallest step between two times of the column. `empty`: no value tells the kind or the shape.
    """

    name: str
    kind: CursorKind
    zone: ZoneInfo
    shape: TextShape | None = None
    granularity: timedelta = timedelta(microseconds=1)
    unit: EpochUnit | None = None
    numeric: bool = False
    unique: bool = False
    empty: bool = False

    @property
    def is_time(self) -> bool:
        """The cursor follows a clock."""
        return self.kind in _TIME_KINDS

    def settle(self, plan: ReadPlan, *, dialect: str) -> timedelta | int:
        """The mapping's `settle`, or the default of this kind: 60 s, 0 on SQLite and for cursors without a clock.

        Raises:
            UsageProblem: a duration for an integer cursor, or a number for a time.
        """
        default = ZERO if dialect in FILE_DIALECTS else DEFAULT_SETTLE
        return self._span(plan.settle, default, key="settle")

    def lookback(self, plan: ReadPlan) -> timedelta | int:
        """The mapping's `lookback`, or the default of this kind: one hour; without a clock 1, or 0 for unique values.

        Rows that share a value may appear after the last of them was read.

        Raises:
            UsageProblem: as for `settle`.
        """
        return self._span(plan.lookback, DEFAULT_LOOKBACK, key="lookback")

    def _span(self, given: timedelta | int | None, default: timedelta, *, key: str) -> timedelta | int:
        if self.is_time:
            if isinstance(given, int) and given != 0:
                raise UsageProblem(
                    f"source.{key} is a number, but {self.name} is a time", hint=f"write {given}s or {given}m"
                )
            return default if given is None else (given if isinstance(given, timedelta) else ZERO)
        if not given:
            return 1 if given is None and key == "lookback" and self.kind == "integer" and not self.unique else 0
        if self.kind == "text":
            raise UsageProblem(f"source.{key} means nothing for {self.name}, which is text", hint=f"leave {key} out")
        if isinstance(given, timedelta):
            raise UsageProblem(
                f"source.{key} is a duration, but {self.name} counts in integers",
                hint="give a number of units; if it counts seconds or milliseconds since 1970, set source.cursor_unit",
            )
        return given

    def at(self, instant: datetime) -> Scalar:
        """The cursor value of the aware `instant`, cut to the column's precision; only for times."""
        match self.kind:
            case "datetime_tz" | "epoch":
                moment = self._cut(instant.astimezone(UTC))
            case _:
                moment = self._cut(instant.astimezone(self.zone).replace(tzinfo=None, fold=0))
        return self.spell(moment)

    def instant(self, value: Scalar) -> datetime | None:
        """The aware instant that `value` names (a day: its first); None when it names none (infinity, other text)."""
        moment = self.moment(value)
        if moment is None:
            return None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone).astimezone(UTC)

    def below(self, value: Scalar, span: timedelta | int) -> Scalar | None:
        """`value` minus `span`, in the column's form; None where there is none (infinity, text, before year 1).

        For a day, any span is rounded up to whole days, so that later rows of the day are read again.
        """
        if isinstance(span, int):
            return value - span if isinstance(value, int | Decimal) else None
        moment = self.moment(value)
        if moment is None:
            return None
        try:
            moment -= span
        except OverflowError:
            return None
        # Text is compared as text, so the result has the spelling of this very value.
        shape = shape_of(value) if isinstance(value, str) else None
        return self.spell(moment) if shape is None else shape.spell(moment)

    def parse(self, text: str) -> Scalar:
        """What a person typed, as a value of the column.

        Raises:
            UsageProblem: it is none.
        """
        text = text.strip()
        try:
            match self.kind:
                case "integer":
                    return int(text)
                case "epoch" if _RAW_EPOCH.fullmatch(text):
                    if self.moment(int(text)) is None:
                        raise ValueError("beyond the calendar")  # noqa: TRY301  # told below, with an example
                    return int(text)
                case "text":
                    return text
                case "date" if self.shape is None:
                    return self._localised(moment_of(text)).date()
                case "datetime_tz" | "epoch":
                    moment = moment_of(text)
                    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone)
                    return self.edge(moment.astimezone(UTC))
                case _:
                    return self.edge(self._localised(moment_of(text)))
        except (ValueError, OverflowError):
            example = {"integer": "12345", "date": "2024-01-31"}.get(self.kind, "2024-01-31T08:00:00")
            raise UsageProblem(
                f"{shown_value(text)} is no value of the cursor {self.name} ({self.kind})",
                hint=f"for example {example}",
            ) from None

    def _localised(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo is None else moment.astimezone(self.zone).replace(tzinfo=None)

    def moment(self, value: Scalar) -> datetime | None:
        """`value` as a datetime, naive or aware as it is; None when it is no time (infinity, other text)."""
        match value:
            case datetime():
                return value
            case date():
                return datetime(value.year, value.month, value.day)  # noqa: DTZ001  # a day has no zone
            case str() if shape_of(value) is not None:
                return moment_of(value)
            case int() | Decimal() if self.unit is not None:
                return _since_1970(value, self.unit)
            case int() | Decimal() if self.numeric and shape_of(digits_of(value)) is not None:
                return moment_of(digits_of(value))
            case _:
                return None

    def _cut(self, moment: datetime) -> datetime:
        if self.granularity >= timedelta(minutes=1):
            return moment.replace(second=0, microsecond=0)
        step = self.granularity // timedelta(microseconds=1)
        return moment.replace(microsecond=moment.microsecond - moment.microsecond % step)

    def spell(self, moment: datetime) -> Scalar:
        """`moment` (naive in the source's zone, or aware for "datetime_tz") in the column's form."""
        if self.unit is not None:
            return int((moment - _EPOCH) // _UNITS[self.unit])
        if self.shape is not None:
            spelt = self.shape.spell(moment)
            return int(spelt) if self.numeric else spelt
        return moment.date() if self.kind == "date" else moment

    def edge(self, moment: datetime) -> Scalar:
        """As `spell`, for the ends of ranges: the lowest spelling of the moment.

        Programs write a full second both as `…:00` and as `…:00.000` into one column; as text the shorter one is lower.
        """
        shape = self.shape
        if shape is not None and not (shape.zone or shape.compact or moment.microsecond):
            return replace(shape, fraction_digits=0).spell(moment)
        return self.spell(moment)


def digits_of(value: int | Decimal) -> str:
    """The digits of a number that spell a time; "" for NaN and infinity."""
    return str(int(value)) if isinstance(value, int) or value.is_finite() else ""


def _since_1970(value: int | Decimal, unit: EpochUnit) -> datetime | None:
    try:
        return _EPOCH + int(value) * _UNITS[unit]
    except (OverflowError, ValueError):
        return None  # beyond the calendar, or no number
