"""The arithmetic of windows: calendar days that are days, ranges that meet, bounds that hold."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import UsageProblem
from etl.page import Bound, Position, Window
from etl.source.cursor import CursorDomain, shape_of
from etl.source.windows import MOST_WINDOWS, range_windows, run_windows, start_windows

UTC_ZONE = ZoneInfo("UTC")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def naive(zone: ZoneInfo = AMSTERDAM) -> CursorDomain:
    return CursorDomain("updated_at", "datetime", zone)


def aware(zone: ZoneInfo = AMSTERDAM) -> CursorDomain:
    return CursorDomain("updated_at", "datetime_tz", zone)


def text(example: str) -> CursorDomain:
    shape = shape_of(example)
    assert shape is not None
    kind = "date" if shape.separator is None else "datetime_tz" if shape.zone else "datetime"
    return CursorDomain("updated_at", kind, UTC_ZONE, shape=shape)


@pytest.mark.parametrize(
    ("domain", "cursor", "lookback", "start"),
    [
        (naive(), at("2024-03-01T12:00:00.000001"), HOUR, at("2024-03-01T11:00:00.000001")),
        (aware(), at("2024-03-01T12:00:00+00:00"), HOUR, at("2024-03-01T11:00:00+00:00")),
        (CursorDomain("d", "date", UTC_ZONE), date(2024, 3, 1), HOUR, date(2024, 2, 29)),
        (CursorDomain("d", "date", UTC_ZONE), date(2024, 3, 1), timedelta(days=2, seconds=1), date(2024, 2, 27)),
        (CursorDomain("n", "integer", UTC_ZONE), 1000, 64, 936),
        (text("2024-03-01 12:00:00"), "2024-03-01 00:30:00", HOUR, "2024-02-29 23:30:00"),
        (text("2024-03-01T12:00:00.123Z"), "2024-03-01T00:30:00.123Z", HOUR, "2024-02-29T23:30:00.123Z"),
        (text("2024-03-01T12:00:00+02:00"), "2024-03-01T00:30:00+02:00", HOUR, "2024-02-29T23:30:00+02:00"),
        (text("2024-03-01"), "2024-03-01", HOUR, "2024-02-29"),
    ],
)
def test_the_lookback_begins_below_the_checkpoint_in_the_columns_own_form(
    domain: CursorDomain, cursor: Any, lookback: timedelta | int, start: Any
) -> None:
    """A5, A20: what lies below is read again without moving the checkpoint, then what is new."""
    checkpoint = Position(cursor, (7,))
    bound = Bound(domain.below(cursor, -lookback) if isinstance(lookback, int) else cursor)
    assert run_windows(domain, checkpoint=checkpoint, bound=bound, lookback=lookback) == [
        Window(start=start, upto=checkpoint, until=bound.until, moves_checkpoint=False, label="lookback"),
        Window(after=checkpoint, until=bound.until, label="new rows"),
    ]


def test_nothing_is_looked_back_at_where_there_is_nothing_to_look_back_to() -> None:
    bound = Bound(at("2024-03-01T12:00:00"))
    new = Window(until=bound.until, label="new rows")
    assert run_windows(naive(), checkpoint=None, bound=bound, lookback=HOUR) == [new]
    position = Position("-infinity", (1,))
    (only,) = run_windows(naive(), checkpoint=position, bound=bound, lookback=HOUR)
    assert only == Window(after=position, until=bound.until, label="new rows")
    first = Position(datetime.min, (1,))  # noqa: DTZ901  # a column without zone
    assert len(run_windows(naive(), checkpoint=first, bound=bound, lookback=HOUR)) == 1
    assert len(run_windows(naive(), checkpoint=Position(at("2024-01-01"), (1,)), bound=bound, lookback=0)) == 1


def test_an_empty_table_gives_no_window_that_would_be_open_above() -> None:
    """A46: rows that appear meanwhile belong to the next run."""
    domain = CursorDomain("n", "integer", UTC_ZONE)
    empty = Bound(None, empty=True)
    assert run_windows(domain, checkpoint=Position(3, (3,)), bound=empty, lookback=0) == []
    assert start_windows(start=None, bound=empty) == []
    assert range_windows(domain, start=1, end=9, step=2, bound=empty) == []


def edges_of(windows: list[Window]) -> list[Any]:
    assert all(low.until == high.start for low, high in pairwise(windows))
    assert all(window.until_open for window in windows)
    return [windows[0].start, *(window.until for window in windows)]


@pytest.mark.parametrize(
    ("domain", "start", "end", "step", "edges"),
    [
        (naive(), "2024-03-30", "2024-04-02", "1d", ["2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"]),
        (naive(), "2024-01-31", "2024-04-15", "1mo", ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-15"]),
        (naive(), "2024-01-01", "2024-01-18", "1w", ["2024-01-01", "2024-01-08", "2024-01-15", "2024-01-18"]),
        (
            naive(),
            "2024-01-01T22:30",
            "2024-01-02T00:30",
            "1h",
            ["2024-01-01T22:30", "2024-01-01T23:30", "2024-01-02T00:30"],
        ),
        (naive(), "2024-01-01", "2024-01-01T00:00:01", "1d", ["2024-01-01", "2024-01-01T00:00:01"]),
        # Days of the zone: the one in March has 23 hours, the one in October 25.
        (
            aware(),
            "2024-03-30T00:00+01:00",
            "2024-04-02T00:00+02:00",
            "1d",
            ["2024-03-29T23:00Z", "2024-03-30T23:00Z", "2024-03-31T22:00Z", "2024-04-01T22:00Z"],
        ),
        (
            aware(),
            "2024-10-26T00:00+02:00",
            "2024-10-29T00:00+01:00",
            "1d",
            ["2024-10-25T22:00Z", "2024-10-26T22:00Z", "2024-10-27T23:00Z", "2024-10-28T23:00Z"],
        ),
        # Within the hour that repeats the wall clock seems to go back.
        (aware(), "2024-10-27T00:50Z", "2024-10-27T01:10Z", "1d", ["2024-10-27T00:50Z", "2024-10-27T01:10Z"]),
        # The hour that summer time leaves out is no edge: the window goes on to the next one.
        (
            aware(),
            "2024-03-31T01:30+01:00",
            "2024-03-31T04:30+02:00",
            "1h",
            ["2024-03-31T00:30Z", "2024-03-31T01:30Z", "2024-03-31T02:30Z"],
        ),
    ],
)
def test_windows_follow_the_calendar_of_the_source(
    domain: CursorDomain, start: str, end: str, step: str, edges: list[str]
) -> None:
    """A21, A22: they meet exactly and cover the range, also in the two summer-time nights."""
    windows = range_windows(domain, start=domain.parse(start), end=domain.parse(end), step=step)
    assert edges_of(windows) == [domain.parse(edge) for edge in edges]


def test_windows_of_text_times_are_spelt_as_the_column_spells_them() -> None:
    """A20: compared as text by the database, so a wrong separator would lose rows."""
    domain = text("2024-03-01T12:00:00.000Z")
    windows = range_windows(domain, start=domain.parse("2024-01-31"), end=domain.parse("2024-03-01"), step="1mo")
    assert edges_of(windows) == ["2024-01-31T00:00:00.000Z", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"]


def test_twenty_four_months_are_twenty_four_windows() -> None:
    windows = range_windows(naive(), start=at("2022-01-01"), end=at("2024-01-01"), step="1mo")
    assert len(windows) == 24
    assert windows[13].label == "[2023-02-01 00:00:00, 2023-03-01 00:00:00)"


@given(
    start=st.datetimes(min_value=datetime(1999, 1, 1), max_value=datetime(2050, 1, 1)),  # noqa: DTZ001  # wall clock
    length=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400)),
    step=st.sampled_from(["7h", "1d", "1w", "1mo", "5mo", "1y"]),
    zone=st.sampled_from(["UTC", "Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
    with_zone=st.booleans(),
)
def test_windows_always_meet_and_never_run_backwards(
    *, start: datetime, length: timedelta, step: str, zone: str, with_zone: bool
) -> None:
    domain = aware(ZoneInfo(zone)) if with_zone else naive(ZoneInfo(zone))
    first, last = start, start + length
    if with_zone:
        first, last = first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)
    edges = edges_of(range_windows(domain, start=first, end=last, step=step))
    assert (edges[0], edges[-1]) == (first, last)
    assert all(low < high for low, high in pairwise(edges))


@pytest.mark.parametrize(
    ("start", "end", "step", "edges"),
    [
        (0, 10, 4, [0, 4, 8, 10]),
        (0, 8, "4", [0, 4, 8]),
        (5, 6, 100, [5, 6]),
        (-3, 3, 3, [-3, 0, 3]),
        (2**63, 2**63 + 2, 1, [2**63, 2**63 + 1, 2**63 + 2]),
    ],
)
def test_integer_windows_count_in_units(start: int, end: int, step: str | int, edges: list[int]) -> None:
    domain = CursorDomain("n", "integer", UTC_ZONE)
    assert edges_of(range_windows(domain, start=start, end=end, step=step)) == edges


def test_a_range_without_step_and_one_of_text_is_one_window() -> None:
    """A28: texts are never compared here."""
    one = Window(
        start=at("2024-01-01"),
        until=at("2025-01-01"),
        until_open=True,
        label="[2024-01-01 00:00:00, 2025-01-01 00:00:00)",
    )
    assert range_windows(naive(), start=at("2024-01-01"), end=at("2025-01-01"), step=None) == [one]
    words = range_windows(CursorDomain("w", "text", UTC_ZONE), start="b", end="a", step=None, bound=Bound("c"))
    assert words == [Window(start="b", until="a", until_open=True, label="[b, a)")]


def test_a_range_ends_at_the_bound() -> None:
    """A5: rows that may still move belong to the nightly run."""
    bound = Bound(at("2024-01-02T12:00"))
    windows = range_windows(naive(), start=at("2024-01-01"), end=at("2024-01-05"), step="1d", bound=bound)
    assert [(one.start, one.until, one.until_open) for one in windows] == [
        (at("2024-01-01"), at("2024-01-02"), True),
        (at("2024-01-02"), at("2024-01-02T12:00"), False),
    ]
    (whole,) = range_windows(naive(), start=at("2024-01-01"), end=at("2024-01-05"), step=None, bound=bound)
    assert (whole.until, whole.until_open) == (bound.until, False)


@pytest.mark.parametrize(
    ("highest", "cut"),
    [(8, True), (9, False), (10, False), (Decimal("9.5"), True), (Decimal(10), False)],
)
def test_a_range_of_integers_that_reaches_the_highest_is_whole(highest: int | Decimal, *, cut: bool) -> None:
    """No integer lies between 9 and the open end 10; of decimals some do."""
    domain = CursorDomain("n", "integer", UTC_ZONE)
    windows = range_windows(domain, start=0, end=10, step=5, bound=Bound(highest))
    assert (windows != range_windows(domain, start=0, end=10, step=5)) == cut


@pytest.mark.parametrize(
    ("domain", "start", "end"),
    [
        (naive(), at("2024-01-02"), at("2024-01-01")),
        (naive(), at("2024-01-01"), at("2024-01-01")),
        (text("2024-01-01 00:00:00"), "2024-01-02 00:00:00", "2024-01-01 00:00:00"),
        # An hour later by the clock, though not as text.
        (text("2024-01-01T00:00:00+00:00"), "2024-01-01T00:00:00-01:00", "2024-01-01T01:00:00+00:00"),
        (CursorDomain("n", "integer", UTC_ZONE), 3, 3),
    ],
)
def test_an_empty_range_is_a_mistake_of_the_call(domain: CursorDomain, start: Any, end: Any) -> None:
    for step in (None, 1 if domain.kind == "integer" else "1d"):
        with pytest.raises(UsageProblem, match="--from is not below --to"):
            range_windows(domain, start=start, end=end, step=step)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("datetime", "0d"),
        ("datetime", "d"),
        ("datetime", "1x"),
        ("integer", "1d"),
        ("integer", 0),
        ("datetime", "1h"),
        ("text", "1d"),
    ],
)
def test_a_step_that_does_not_fit_is_a_mistake_of_the_call(kind: Any, step: str | int) -> None:
    domain = CursorDomain("c", kind, UTC_ZONE)
    ends: dict[str, tuple[Any, Any]] = {
        "integer": (1, 10),
        "text": ("a", "b"),
        "date": (date(2024, 1, 1), date(2024, 1, 9)),
    }
    start, end = ends.get(kind, (at("1900-01-01"), at("2100-01-01")))
    with pytest.raises(UsageProblem):
        range_windows(domain, start=start, end=end, step=step)


@pytest.mark.parametrize(
    ("floor", "start"),
    [
        # Below the lookback's start it changes nothing: otherwise all rows since then would be read each night.
        (at("2024-01-01"), at("2024-03-01T11:00:00")),
        (at("2024-03-01T11:30:00"), at("2024-03-01T11:30:00")),
        (at("2024-03-01T12:00:00"), at("2024-03-01T12:00:00")),
        # Above the checkpoint it belongs to another beginning.
        (at("2024-03-02"), at("2024-03-01T11:00:00")),
    ],
)
def test_the_lookback_begins_at_the_floor_only_where_that_is_the_higher_of_the_two(
    floor: datetime, start: datetime
) -> None:
    """Rows below `--start-from VALUE` are not read, and no more than the lookback is."""
    checkpoint = Position(at("2024-03-01T12:00:00"), (7,))
    bound = Bound(at("2024-03-05"))
    again, new = run_windows(naive(), checkpoint=checkpoint, bound=bound, lookback=HOUR, floor=floor)
    assert (again.start, again.upto, new.after) == (start, checkpoint, checkpoint)


@pytest.mark.parametrize(("step", "months"), [("1y", 12), ("2y", 24), ("1mo", 1), ("11mo", 11)])
def test_a_window_of_years_is_of_twelve_months_each(step: str, months: int) -> None:
    windows = range_windows(naive(), start=at("2020-01-01"), end=at("2026-01-01"), step=step)
    first = [window.start for window in windows][1]
    assert first == at("2020-01-01").replace(year=2020 + months // 12, month=1 + months % 12)


def test_a_window_of_a_year_in_a_leap_year_ends_at_the_same_day() -> None:
    windows = range_windows(naive(), start=at("2024-02-29"), end=at("2026-03-01"), step="1y")
    assert edges_of(windows) == [at("2024-02-29"), at("2025-02-28"), at("2026-02-28"), at("2026-03-01")]


@pytest.mark.parametrize("kind", ["integer", "datetime"])
@pytest.mark.parametrize(("count", "fits"), [(MOST_WINDOWS, True), (MOST_WINDOWS + 1, False)])
def test_a_hundred_thousand_windows_are_allowed_and_one_more_is_not(kind: Any, count: int, *, fits: bool) -> None:
    first: Any = 0 if kind == "integer" else at("2024-03-01T00:00")
    last, step = (7 * count, 7) if kind == "integer" else (first + count * HOUR, "1h")
    domain = CursorDomain("c", kind, UTC_ZONE)
    if fits:
        assert len(range_windows(domain, start=first, end=last, step=step)) == count
    else:
        with pytest.raises(UsageProblem):
            range_windows(domain, start=first, end=last, step=step)


@pytest.mark.parametrize(("domain", "hours"), [(naive(), [1, 2, 3, 4]), (aware(), [1, 3, 4])])
def test_an_hour_that_summer_time_leaves_out_is_an_edge_only_of_what_names_no_moment(
    domain: CursorDomain, hours: list[int]
) -> None:
    """A naive column may hold 02:30 all the same; of moments, 02:00 would be 03:00 a second time."""
    start, end = (domain.parse(f"2024-03-31T0{hour}:00:00") for hour in (1, 5))
    windows = range_windows(domain, start=start, end=end, step="1h")
    begins = [window.start for window in windows]
    assert [one.astimezone(AMSTERDAM).hour if one.tzinfo else one.hour for one in begins] == hours  # type: ignore[union-attr]
    assert [one.until for one in windows] == [*begins[1:], end]
