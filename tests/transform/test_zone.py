"""Datetimes without a zone: both summer-time nights, odd zones, and the ends of the calendar.

A20, A21, A22, B9, B10.
"""
# ruff: noqa: DTZ001  # naive datetimes are what databases give

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

AMSTERDAM = "Europe/Amsterdam"

# Each: the zone, the naive datetime, what is sent, the doubt.
CASES = (
    (AMSTERDAM, datetime(2024, 1, 15, 12), "2024-01-15T12:00:00+01:00", None),
    (AMSTERDAM, datetime(2024, 7, 15, 12), "2024-07-15T12:00:00+02:00", None),
    (AMSTERDAM, datetime(2024, 3, 31, 1, 59, 59), "2024-03-31T01:59:59+01:00", None),
    (AMSTERDAM, datetime(2024, 3, 31, 2, 0), "2024-03-31T03:00:00+02:00", "nonexistent_time"),
    (AMSTERDAM, datetime(2024, 3, 31, 2, 30), "2024-03-31T03:30:00+02:00", "nonexistent_time"),
    (AMSTERDAM, datetime(2024, 3, 31, 3, 0), "2024-03-31T03:00:00+02:00", None),
    (AMSTERDAM, datetime(2024, 10, 27, 1, 59), "2024-10-27T01:59:00+02:00", None),
    (AMSTERDAM, datetime(2024, 10, 27, 2, 0), "2024-10-27T02:00:00+02:00", "ambiguous_time"),
    (AMSTERDAM, datetime(2024, 10, 27, 2, 30, 0, 5), "2024-10-27T02:30:00+02:00", "ambiguous_time"),
    (AMSTERDAM, datetime(2024, 10, 27, 3, 0), "2024-10-27T03:00:00+01:00", None),
    ("Africa/Monrovia", datetime(1950, 5, 1, 12), "1950-05-01T12:44:30+00:00", None),
    ("America/New_York", datetime(2024, 3, 10, 2, 30), "2024-03-10T03:30:00-04:00", "nonexistent_time"),
    ("Australia/Lord_Howe", datetime(2024, 4, 7, 1, 45), "2024-04-07T01:45:00+11:00", "ambiguous_time"),
    ("Australia/Lord_Howe", datetime(2024, 10, 6, 2, 15), "2024-10-06T02:45:00+11:00", "nonexistent_time"),
    # The clock goes back two hours there, and a whole day was skipped here.
    ("Antarctica/Troll", datetime(2024, 10, 27, 1, 30), "2024-10-27T01:30:00+02:00", "ambiguous_time"),
    ("Pacific/Apia", datetime(2011, 12, 30, 12, 30), "2011-12-31T12:30:00+14:00", "nonexistent_time"),
    ("Asia/Kolkata", datetime(2024, 1, 1), "2024-01-01T00:00:00+05:30", None),
    ("UTC", datetime(2024, 3, 31, 2, 30), "2024-03-31T02:30:00+00:00", None),
)


@pytest.mark.parametrize(("zone", "naive", "wanted", "doubt"), CASES)
def test_a_naive_datetime_is_read_in_the_zone_of_the_mapping(
    run_field: Callable[..., Any], zone: str, naive: datetime, wanted: str, doubt: str | None
) -> None:
    """A fold takes the first, a gap moves forward (RFC 5545); both are said and neither makes the row invalid."""
    for column in ([naive], [naive, datetime(2024, 1, 1)], [None, naive], [str(naive)], [naive, "2024-01-01 00:00"]):
        at = 1 if column[0] is None else 0
        outcome = run_field(column, "datetime", timezone=zone)
        assert outcome.column[at] == wanted
        assert [(one.code, one.fatal) for one in outcome.problems if one.row == at] == (
            [(doubt, False)] if doubt else []
        )


@pytest.mark.parametrize("naive", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)])
@pytest.mark.parametrize("zone", [AMSTERDAM, "America/New_York", "Asia/Tokyo"])
def test_the_ends_of_the_calendar_never_crash(run_field: Callable[..., Any], naive: datetime, zone: str) -> None:
    """A45: local mean time of year 1 has seconds, and in UTC it may lie before the calendar."""
    outcome = run_field([naive], "datetime", timezone=zone)
    assert (outcome.column[0] is None) == bool(outcome.problems)
    assert [one.code for one in outcome.problems] in ([], ["not_a_datetime"])


@pytest.mark.parametrize("value", [datetime(2024, 1, 1), "2024-01-01 00:00:00"])
def test_a_naive_datetime_without_a_zone_is_a_problem(convert: Callable[..., object], value: object) -> None:
    assert convert(value, "datetime", timezone=None) == "!missing_timezone"
    assert convert(value, None, kind="datetime", timezone=None) == "!missing_timezone"


def test_an_aware_datetime_needs_no_zone(convert: Callable[..., object]) -> None:
    assert convert(datetime(2024, 1, 1, tzinfo=UTC), "datetime", timezone=None) == "2024-01-01T00:00:00+00:00"
    assert convert("2024-01-01 00:00:00Z", "datetime", timezone=None) == "2024-01-01T00:00:00+00:00"


def test_an_aware_datetime_keeps_its_offset(convert: Callable[..., object]) -> None:
    moment = datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("America/New_York"))
    assert convert(moment, "datetime", timezone=AMSTERDAM) == "2024-07-01T12:00:00-04:00"


def test_the_date_of_an_aware_datetime_is_the_day_in_the_zone_of_the_mapping(convert: Callable[..., object]) -> None:
    """B9: a birthday kept as midnight local time lies on the day before in UTC."""
    moment = datetime(1989, 12, 31, 23, tzinfo=UTC)
    assert convert(moment, "date", timezone=AMSTERDAM) == "1990-01-01"
    assert convert(moment, "date", timezone=None) == "1989-12-31"
    assert convert(datetime(1990, 1, 1), "date", timezone=AMSTERDAM) == "1990-01-01"


def test_a_column_with_a_zone_whose_driver_drops_it_is_in_utc(convert: Callable[..., object]) -> None:
    """A23: MySQL gives TIMESTAMP without a zone, in the session's, which is UTC."""
    naive = datetime(2024, 7, 1, 12)
    assert convert(naive, "datetime", kind="datetime_tz", timezone=AMSTERDAM) == "2024-07-01T12:00:00+00:00"
    assert convert(naive, "datetime", kind="datetime_tz", timezone=None) == "2024-07-01T12:00:00+00:00"
    assert convert(naive, None, kind="datetime_tz", timezone=None) == "2024-07-01T12:00:00+00:00"
    step = ["date('%H:%M')"]
    assert convert(naive, None, kind="datetime_tz", timezone=AMSTERDAM, transform=step) == "14:00"


@pytest.mark.parametrize("zone", [AMSTERDAM, "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"])
def test_the_fast_way_and_the_zone_data_agree(run_field: Callable[..., Any], zone: str) -> None:
    """20,000 times from 1900 to 2100, thick around the nights when clocks change, as datetimes and as SQLite's text."""
    roll = random.Random(zone)
    info = ZoneInfo(zone)
    naives = [datetime(1900, 1, 1) + timedelta(seconds=roll.randrange(200 * 365 * 86_400)) for _ in range(5_000)]
    for year in range(1970, 2037):
        for start in (datetime(year, 3, 8), datetime(year, 9, 25)):
            naives += [start + timedelta(minutes=roll.randrange(50 * 24 * 60), microseconds=7) for _ in range(110)]
    texts = [str(naive) for naive in naives]
    for column in (naives, texts):
        outcome = run_field(column, "datetime", timezone=zone)
        doubts = {problem.row: problem.code for problem in outcome.problems}
        for row, (naive, text) in enumerate(zip(naives, outcome.column, strict=True)):
            read = datetime.fromisoformat(text)
            local, whole = read.astimezone(info).replace(tzinfo=None), naive.replace(microsecond=0)
            if doubts.get(row) == "nonexistent_time":
                assert timedelta() < local - whole <= timedelta(hours=1)
            else:
                # The first of the two: fold 0.
                assert (local, read) == (whole, whole.replace(tzinfo=info).astimezone(UTC))


def test_a_time_that_happened_twice_is_taken_in_a_list_without_a_word(run_field: Callable[..., Any]) -> None:
    outcome = run_field([[datetime(2024, 10, 27, 2, 30)]], "list", kind="list", timezone=AMSTERDAM)
    assert (outcome.column, outcome.problems) == ([["2024-10-27T02:30:00+02:00"]], [])
