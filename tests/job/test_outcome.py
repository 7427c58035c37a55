"""How an error that ended the work is called: stopped where the next run goes on, failed where a person must act."""

from __future__ import annotations

from typing import Any

import pytest

from etl.books import Books
from etl.errors import (
    CredentialsRefused,
    EtlError,
    Interrupted,
    MappingLocked,
    SourceFailed,
    StateAway,
    StateRefused,
    StateUnusable,
    StoppedEarly,
    TooManyFailures,
    UsageProblem,
)
from etl.job.outcome import Forecast, Outcome, WindowForecast
from tests.source.tables import insert, run_sql


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (None, "done"),
        (TooManyFailures("x"), "stopped"),
        (StoppedEarly("x"), "stopped"),
        (StateAway("x"), "stopped"),
        (StateRefused("x"), "stopped"),
        (MappingLocked("x"), "stopped"),
        (Interrupted("x", signal_number=1), "stopped"),
        (Interrupted("x", signal_number=2), "stopped"),
        (Interrupted("x", signal_number=15), "stopped"),
        (EtlError("x"), "failed"),
        (UsageProblem("x"), "failed"),
        (SourceFailed("x"), "failed"),
        (CredentialsRefused("x"), "failed"),
        (StateUnusable("x"), "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_the_next_run_mends_is_stopped_and_everything_else_failed(error: EtlError | None, named: str) -> None:
    """Alerts are raised for what failed."""
    outcome = Outcome("m", "run", "r1", Books(), 1.0, None, None, error)
    assert (outcome.outcome, outcome.exit_code) == (named, 0 if error is None else error.exit_code)


ALWAYS = {"mapping": "m", "command": "run", "run_id": "r1", "outcome": "done", "exit_code": 0, **Books().as_dict()}
ALWAYS |= {"duration_seconds": 1.235, "checkpoint": None, "dry_run": False}
NO_COUNTS = dict.fromkeys(("unchanged", "new", "changed", "resent", "dead_letters", "invalid", "suppressed"), 0)
FORECAST = Forecast(
    10, 2, 900, 1.26, {"email": 0.12345}, {"invalid_email": ["7"]}, (WindowForecast("[1, 2)", 6, 5),), would_stop=True
)


def test_a_forecast_stops_nothing_unless_it_says_so() -> None:
    assert Forecast(0, 0, 0, 0.0, {}, {}).as_dict()["would_stop"] is False


def test_a_summary_holds_what_applies_and_nothing_else() -> None:
    outcome = Outcome("m", "run", "r1", Books(), 1.23456, None, None)
    assert outcome.as_dict() == ALWAYS
    error = StoppedEarly("late", hint="run again")
    outcome = Outcome("m", "run", "r1", Books(), 1.23456, None, None, error, True, FORECAST, (1, 3), False)  # noqa: FBT003
    assert outcome.as_dict() == {
        **ALWAYS,
        "outcome": "stopped",
        "exit_code": 6,
        "error": "late",
        "hint": "run again",
        "dry_run": True,
        "follows_clock": False,
        "windows": {"done": 1, "all": 3},
        "forecast": {
            "events": 10,
            "requests": 2,
            "bytes": 900,
            "seconds": 1.3,
            "null_rates": {"email": 0.1235},
            "examples": {"invalid_email": ["7"]},
            "would_stop": True,
            "guards": {},
            "by_mapping": 0,
            "example_events": {},
            "windows": [{"label": "[1, 2)", "rows": 6, "events": 5, **NO_COUNTS}],
        },
    }


@pytest.mark.parametrize(
    ("destination", "requests"),
    [("batch_size: 2", 3), ("batch_size: 5", 1), ("batch_size: 5, max_batch_bytes: 1024", 3)],
)
def test_a_forecast_fills_requests_by_events_and_by_bytes(
    sqlite_url: str, make_job: Any, destination: str, requests: int
) -> None:
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, name TEXT)")
    insert(sqlite_url, "t", [{"id": n, "at": "2024-01-01 00:00:00", "name": "x" * 400} for n in range(5)])
    job = make_job(sqlite_url, fields="userid: {column: id, type: text}, firstname: name", destination=destination)
    forecast = job.forecast("beginning").forecast
    assert (forecast.events, forecast.requests) == (5, requests)
