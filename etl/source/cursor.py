"""The cursor's own domain: what its values are, and how an instant, a duration or a person's text becomes one of them.

Comparisons stay in the database; here values are only made, in the very form that the column uses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from etl.errors import UsageProblem
from etl.page import Scalar
from etl.source.plan import DEFAULT_LOOKBACK, DEFAULT_SETTLE, ReadPlan

CursorKind = Literal["datetime", "datetime_tz", "date", "integer", "text"]

ZERO = timedelta(0)
_TIME_KINDS = frozenset({"datetime", "datetime_tz", "date"})
_TEXT_TIME = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)"
    r"(?:(?P<separator>[ T])\d\d:\d\d(?P<seconds>:\d\d(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<zone> ?(?:Z|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class TextShape:
    """How a column spells times as text, read off one of its values."""

    separator: str | None  # None: days only
    seconds: bool
    fraction_digits: int
    zone: str  # "" for none, else as written: "Z", "+02:00"

    def spell(self, moment: datetime) -> str:
        """`moment` in this shape, cut (never rounded up) to its precision; an aware one is moved to its zone."""
        if moment.tzinfo is not None and self.zone:
            moment = moment.astimezone(_offset(self.zone))
        day = f"{moment.year:04d}-{moment:%m-%d}"
        if self.separator is None:
            return day
        seconds = f":{moment:%S}" if self.seconds else ""
        fraction = f".{f'{moment:%f}000'[: self.fraction_digits]}" if self.fraction_digits else ""
        return f"{day}{self.separator}{moment:%H:%M}{seconds}{fraction}{self.zone}"


def shape_of(text: str) -> TextShape | None:
    """The shape of a time spelt `YYYY-MM-DD…`; None when `text` is no such time."""
    found = _TEXT_TIME.fullmatch(text)
    if found is None:
        return None
    try:
        _moment(text)
    except ValueError:
        return None
    return TextShape(
        separator=found["separator"],
        seconds=found["seconds"] is not None,
        fraction_digits=len(found["fraction"] or ""),
        zone=found["zone"] or "",
    )


@dataclass(frozen=True, slots=True)
class CursorDomain:
    """What the cursor column holds. `shape` is set where times are kept as text.

    `zone` is the mapping's `source.timezone` (UTC when it names none): that of naive times and of calendar days.
    `granularity` is the smallest step between two times of the column.
    """

    name: str
    kind: CursorKind
    zone: ZoneInfo
    shape: TextShape | None = None
    granularity: timedelta = timedelta(microseconds=1)

    @property
    def is_time(self) -> bool:
        """The cursor follows a clock."""
        return self.kind in _TIME_KINDS

    def settle(self, plan: ReadPlan, *, dialect: str) -> timedelta | int:
        """The mapping's `settle`, or the default of this kind: 60 s, 0 on SQLite and for cursors without a clock.

        Raises:
            UsageProblem: a duration for an integer cursor, or a number for a time.
        """
        default = ZERO if dialect == "sqlite" else DEFAULT_SETTLE
        return self._span(plan.settle, default, key="settle")

    def lookback(self, plan: ReadPlan) -> timedelta | int:
        """The mapping's `lookback`, or the default of this kind: one hour, 0 for cursors without a clock.

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
            return 0
        if self.kind == "text":
            raise UsageProblem(f"source.{key} means nothing for {self.name}, which is text", hint=f"leave {key} out")
        if isinstance(given, timedelta):
            raise UsageProblem(
                f"source.{key} is a duration, but {self.name} counts in integers", hint="give a number of units"
            )
        return given

    def at(self, instant: datetime) -> Scalar:
        """The cursor value of the aware `instant`, cut to the column's precision; only for times."""
        match self.kind:
            case "datetime_tz":
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
        """`value` less `span`, in the column's form; None where that cannot be said (infinity, text, before year 1).

        From a day, whose moment is its midnight, any span takes whole days, so that its later rows are read again.
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
        if isinstance(value, str):
            # The value's own spelling: text is compared as text.
            return shape.spell(moment) if (shape := shape_of(value)) else None
        return moment.date() if self.kind == "date" else moment

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
                case "text":
                    return text
                case "date" if self.shape is None:
                    return self._localised(_moment(text)).date()
                case "datetime_tz":
                    moment = _moment(text)
                    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=self.zone)
                    return self.edge(moment.astimezone(UTC))
                case _:
                    return self.edge(self._localised(_moment(text)))
        except (ValueError, OverflowError):
            example = {"integer": "12345", "date": "2024-01-31"}.get(self.kind, "2024-01-31T08:00:00")
            raise UsageProblem(
                f'"{text[:40]}" is no value of the cursor {self.name} ({self.kind})', hint=f"for example {example}"
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
                return _moment(value)
            case _:
                return None

    def _cut(self, moment: datetime) -> datetime:
        if self.granularity >= timedelta(minutes=1):
            return moment.replace(second=0, microsecond=0)
        step = self.granularity // timedelta(microseconds=1)
        return moment.replace(microsecond=moment.microsecond - moment.microsecond % step)

    def spell(self, moment: datetime) -> Scalar:
        """`moment` (naive in the source's zone, or aware for "datetime_tz") in the column's form."""
        if self.shape is not None:
            return self.shape.spell(moment)
        return moment.date() if self.kind == "date" else moment

    def edge(self, moment: datetime) -> Scalar:
        """As `spell`, for the ends of ranges: below every spelling of that very moment.

        Programs write a full second as `…:00` and as `…:00.000` into one column, and as text the shorter one is lower.
        """
        shape = self.shape
        if shape is not None and shape.fraction_digits and not shape.zone and not moment.microsecond:
            return replace(shape, fraction_digits=0).spell(moment)
        return self.spell(moment)


def _moment(text: str) -> datetime:
    # fromisoformat takes six digits of a second at most before Python 3.12 and no blank before the offset.
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    return datetime.fromisoformat(re.sub(r"(?<=\d) (?=[Z+-])", "", text))


def _offset(zone: str) -> timezone:
    offset = datetime.fromisoformat(f"2000-01-01T00:00:00{zone.strip()}").utcoffset()
    return timezone(offset or ZERO)
