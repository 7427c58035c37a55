"""Computes which windows a run or a backfill reads, from cursor values alone, without the database.

Values that only the database can compare (text) are never compared here.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from etl.errors import UsageProblem
from etl.page import Bound, Position, Scalar, Window
from etl.secret import shown_value
from etl.source.cursor import CursorDomain

MOST_WINDOWS = 100_000
# Kinds whose values name a moment whatever the zone.
_INSTANTS = frozenset({"datetime_tz", "epoch"})


def run_windows(
    domain: CursorDomain | None,
    *,
    checkpoint: Position | None,
    bound: Bound,
    lookback: timedelta | int,
    floor: Scalar | None = None,
) -> list[Window]:
    """The windows of a run: the lookback below the checkpoint, then new rows up to the bound.

    Neither begins below the cursor value `floor` (None: no floor), unless the checkpoint itself lies below it. Without
    a cursor: one window of all rows, which moves no checkpoint. Empty when there is nothing to read.
    """
    if domain is None:
        return [Window(moves_checkpoint=False, label="all rows")]
    if bound.empty:
        return []
    if checkpoint is None:
        return start_windows(start=floor, bound=bound)
    new = Window(after=checkpoint, until=bound.until, label="new rows")
    if checkpoint.cursor is None or not lookback:
        return [new]
    start = domain.below(checkpoint.cursor, lookback)
    if start is None:
        return [new]
    if floor is not None and _lower(domain, start, floor) and not _lower(domain, checkpoint.cursor, floor):
        start = floor
    again = Window(start=start, upto=checkpoint, until=bound.until, moves_checkpoint=False, label="lookback")
    return [again, new]


def start_windows(*, start: Scalar | None, bound: Bound) -> list[Window]:
    """The window of a run without checkpoint: from the cursor value `start` (None: the beginning) to the bound."""
    return [] if bound.empty else [Window(start=start, until=bound.until, label="new rows")]


def range_windows(
    domain: CursorDomain, *, start: Scalar, end: Scalar, step: str | int | None, bound: Bound | None = None
) -> list[Window]:
    """Half-open windows that cover [start, end), lowest first, none beyond the bound.

    `step` is `1h`, `1d`, `2w`, `1mo`: by the wall clock in the source's zone, so a day may have 23 or 25 hours; a
    number for integer cursors; None for one window, the only choice for a text cursor.

    Raises:
        UsageProblem: the range is empty, the step does not fit the cursor, or it makes more than 100,000 windows.
    """
    if domain.kind == "text":
        if step is not None:
            raise UsageProblem(f"{domain.name} is text, which has no windows", hint="leave --window out")
    elif not _lower(domain, start, end):
        raise UsageProblem("--from is not below --to", hint="the range is half-open: --to itself is not sent")
    if bound is not None and bound.empty:
        return []
    limit = None if bound is None else bound.until
    if step is None:
        return [_clamped(domain, Window(start=start, until=end, until_open=True, label=_label(start, end)), limit)]
    edges = list(_edges(domain, start, end, step))
    windows = []
    for low, high in pairwise(edges):
        window = _clamped(domain, Window(start=low, until=high, until_open=True, label=_label(low, high)), limit)
        windows.append(window)
        if window.until is not high:
            break
    return windows


def _edges(domain: CursorDomain, start: Scalar, end: Scalar, step: str | int) -> Iterator[Scalar]:
    if domain.kind == "integer":
        yield from _integer_edges(start, end, step)
        return
    amount, unit = _calendar_step(step)
    if domain.kind == "date" and unit == "h":
        raise UsageProblem(f"{domain.name} holds days, which have no hours", hint="for example 1d, 1w or 1mo")
    first, last = _wall(domain, start), _wall(domain, end)
    yield start
    for count in range(1, MOST_WINDOWS + 1):
        edge = _plus(first, amount * count, unit)
        if edge >= last:
            yield end
            return
        if domain.kind not in _INSTANTS or _exists(domain, edge):
            yield _from_wall(domain, edge)
    raise _too_many(step)


def _integer_edges(start: Scalar, end: Scalar, step: str | int) -> Iterator[Scalar]:
    if isinstance(step, str) and not re.fullmatch(r"\d{1,18}", step, re.ASCII):
        raise UsageProblem(f'a window of "{step}" does not fit an integer cursor', hint="give a number, such as 100000")
    size = int(step)
    if size < 1:
        raise UsageProblem("a window has to be at least 1 wide", hint="give a number, such as 100000")
    assert isinstance(start, int | Decimal)
    assert isinstance(end, int | Decimal)
    if (end - start) / size > MOST_WINDOWS:
        raise _too_many(step)
    low: int | Decimal = start
    while low < end:
        yield low
        low = low + size
    yield end


def _calendar_step(step: str | int) -> tuple[int, str]:
    found = re.fullmatch(r"([1-9]\d{0,5})(h|d|w|mo|y)", str(step), re.ASCII)
    if found is None:
        raise UsageProblem(f"{shown_value(str(step))} is no window of time", hint="for example 1h, 1d, 1w or 1mo")
    amount = int(found[1])
    match found[2]:
        case "w":
            return amount * 7, "d"
        case "y":
            return amount * 12, "mo"
        case unit:
            return amount, unit


def _plus(first: datetime, amount: int, unit: str) -> datetime:
    try:
        match unit:
            case "h":
                return first + timedelta(hours=amount)
            case "d":
                return first + timedelta(days=amount)
            case _:
                years, month = divmod(first.month - 1 + amount, 12)
                year = first.year + years
                day = min(first.day, calendar.monthrange(year, month + 1)[1])
                return first.replace(year=year, month=month + 1, day=day)
    except (OverflowError, ValueError):
        return datetime.max  # noqa: DTZ901  # later than any end of a range


def _wall(domain: CursorDomain, value: Scalar) -> datetime:
    """`value` on the wall clock of the source's zone, naive."""
    moment = domain.moment(value)
    assert moment is not None, "the ends of a range were parsed by the domain"
    return moment if moment.tzinfo is None else moment.astimezone(domain.zone).replace(tzinfo=None)


def _exists(domain: CursorDomain, wall: datetime) -> bool:
    """False for times within the hour that is skipped at the change to summer time."""
    aware = wall.replace(tzinfo=domain.zone)
    return aware.astimezone(UTC).astimezone(domain.zone).replace(tzinfo=None) == wall


def _from_wall(domain: CursorDomain, wall: datetime) -> Scalar:
    if domain.kind in _INSTANTS:
        return domain.edge(wall.replace(tzinfo=domain.zone).astimezone(UTC))
    return domain.edge(wall)


def _clamped(domain: CursorDomain, window: Window, limit: Scalar | None) -> Window:
    """The window, ending (inclusively) at `limit` where that is lower."""
    if limit is None or domain.kind == "text" or window.until is None or not _lower(domain, limit, window.until):
        return window
    if isinstance(limit, int) and isinstance(window.until, int) and limit == window.until - 1:
        # No integer lies between the two.
        return window
    return Window(start=window.start, until=limit, label=window.label)


def _lower(domain: CursorDomain, one: Scalar, other: Scalar) -> bool:
    if domain.kind in {"integer", "epoch"}:
        return one < other  # type: ignore[operator]  # integers both
    if domain.kind == "datetime_tz":
        first, second = domain.instant(one), domain.instant(other)
        return first is not None and second is not None and first < second
    return _wall(domain, one) < _wall(domain, other)


def _label(start: Scalar, end: Scalar) -> str:
    return f"[{start}, {end})"  # type: ignore[str-bytes-safe]  # no cursor is bytes


def _too_many(step: str | int) -> UsageProblem:
    return UsageProblem(f"windows of {step} would be more than {MOST_WINDOWS:,}", hint="choose wider ones: --window")
