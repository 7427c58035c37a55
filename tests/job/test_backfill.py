"""Backfills: a half-open range, window by window, with a checkpoint of their own that passes no row."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from etl.errors import StateUnusable, UsageProblem
from etl.job.loop import Delivery
from etl.job.prepare import Prepared
from etl.job.run import RunContext
from etl.job.start import RunLimits
from tests.servers.scripted_rules import unauthorized_from
from tests.servers.scripted_server import Exchange, ScriptedServer, like_squeezely
from tests.source.tables import DATETIME, DATETIME_TZ, dialect_of, insert, run_sql

DAY = timedelta(days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def make_days(url: str, *, days: int, a_day: int, column: str | None = None) -> list[str]:
    """`a_day` rows on each of `days` days from 2024 on, all of a day at its midnight; returns their ids in order."""
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column or DATETIME[dialect_of(url)]})")
    rows = [
        {"id": day * a_day + n, "at": (FIRST + DAY * day).replace(tzinfo=None)}
        for day in range(days)
        for n in range(a_day)
    ]
    if dialect_of(url) == "sqlite":
        rows = [{**row, "at": str(row["at"])} for row in rows]
    insert(url, "t", rows)
    return [str(row["id"]) for row in rows]


def test_a_backfill_stopped_anywhere_goes_on_inside_its_window(database_url: str, make_job: Any) -> None:
    """D1, D20: after every number of rows, also within the ties of one midnight; nothing missed, nothing twice."""
    ids = make_days(database_url, days=4, a_day=5)
    for rows_a_call in (1, 2, 3, 7):
        job = make_job(database_url, name=f"t{rows_a_call}")
        for _ in range(len(ids) // rows_a_call + 5):
            outcome = job.backfill("2024-01-01", "2024-01-05", "1d", limits=RunLimits(rows=rows_a_call))
            assert outcome.error is None
        assert job.taken() == ids
        assert job.backfill("2024-01-01", "2024-01-05", "1d").books.read == 0
        restarted = job.backfill("2024-01-01", "2024-01-05", "1d", restart=True).books
        assert (restarted.read, restarted.unchanged, restarted.sent) == (20, 20, 0)


@pytest.mark.parametrize(("start", "end"), [("2024-01-03", "2024-01-01"), ("2024-01-02", "2024-01-02")])
@pytest.mark.parametrize("window", [None, "1d"])
def test_a_range_that_holds_nothing_is_a_mistake(
    database_url: str, make_job: Any, start: str, end: str, window: str | None
) -> None:
    """Also where times are kept as text: it must not pass for a backfill that is done."""
    make_days(database_url, days=3, a_day=1)
    job = make_job(database_url)
    for work in (job.backfill, job.forecast_backfill):
        with pytest.raises(UsageProblem) as error:
            work(start, end, window)
        assert error.value.message == "--from is not below --to"
    with job.state() as state:
        assert state.backfills() == []


def test_texts_that_are_no_times_have_no_range(database_url: str, make_job: Any) -> None:
    """A28: only the database knows their order, so no edge can be made between two of them."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(9))")
    insert(database_url, "t", [{"id": n, "code": code} for n, code in enumerate(["b", "a", "c", "d"])])
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: code")
    for work in (job.backfill, job.forecast_backfill):
        with pytest.raises(UsageProblem) as error:
            work("a", "d", "1d")
        assert "its texts are no times that sort as times do" in error.value.message


@pytest.mark.parametrize(
    ("source", "span", "message"),
    [
        ("", ("1", "2", None), "the mapping has no source.cursor_field, so there is no value to start from"),
        ("", ("1", "2", "1d"), "the mapping has no source.cursor_field, so there is no value to start from"),
        (", cursor_field: id", ("1", "x", None), '"x" is no value of the cursor id (integer)'),
        (", cursor_field: id", ("1", "9", "1d"), 'a window of "1d" does not fit an integer cursor'),
        (", cursor_field: id", ("1", "9", "0"), "a window has to be at least 1 wide"),
        (", cursor_field: at", ("2024-01-01", "2024-01-09", "7"), '"7" is no window of time'),
        (
            ", cursor_field: at",
            ("2024-01-01", "yesterday", "1d"),
            '"yesterday" is no value of the cursor at (datetime)',
        ),
        (", cursor_field: at", ("1900-01-01", "2024-01-09", "1h"), "windows of 1h would be more than 100,000"),
    ],
)
def test_what_does_not_fit_the_cursor_is_a_mistake_of_the_call(
    postgresql_url: str, make_job: Any, source: str, span: tuple[str, str, str | None], message: str
) -> None:
    make_days(postgresql_url, days=1, a_day=1)
    job = make_job(postgresql_url, source=f"table: t, primary_key: id{source}")
    for work in (job.backfill, job.forecast_backfill):
        with pytest.raises(UsageProblem) as error:
            work(*span)
        assert error.value.message == message
        assert error.value.exit_code == 2
        assert error.value.hint
    with job.state() as state:
        assert state.backfills() == []


def test_windows_are_days_of_the_mappings_zone(postgresql_url: str, mariadb_url: str, make_job: Any) -> None:
    """A21, A22: the day in March has 23 hours, the one in October 25; each hour is forecast, and sent, once."""
    source = "table: t, primary_key: id, cursor_field: at, timezone: Europe/Amsterdam, settle: 0s"
    for url, name in ((postgresql_url, "one"), (mariadb_url, "other")):
        run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {DATETIME_TZ[dialect_of(url)]})")
        begin = datetime(2024, 3, 29, 23, tzinfo=UTC)
        zone = None if dialect_of(url) == "mysql" else UTC
        insert(url, "t", [{"id": n, "at": (begin + timedelta(hours=n)).replace(tzinfo=zone)} for n in range(24 * 220)])
        job = make_job(url, source=source, name=name)
        days = {
            ("2024-03-30", "2024-04-02"): [24, 23, 24],
            ("2024-10-26", "2024-10-29"): [24, 25, 24],
        }
        for (start, end), rows in days.items():
            forecast = job.forecast_backfill(start, end, "1d").forecast
            assert [one.rows for one in forecast.windows] == rows
            books = job.backfill(start, end, "1d").books
            assert (books.read, books.sent) == (sum(rows), sum(rows))


def test_integer_cursors_are_backfilled_by_ranges_of_keys(database_url: str, make_job: Any) -> None:
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    insert(database_url, "t", [{"id": n} for n in range(0, 100, 7)])
    job = make_job(database_url, source="table: t, primary_key: id, cursor_field: id")
    forecast = job.forecast_backfill("7", "50", "20").forecast
    assert [(one.label, one.rows, one.events) for one in forecast.windows] == [
        ("[7, 27)", 3, 3),
        ("[27, 47)", 3, 3),
        ("[47, 50)", 1, 1),
    ]
    for _ in range(9):
        job.backfill("7", "50", "20", limits=RunLimits(rows=1))
    assert job.taken() == ["7", "14", "21", "28", "35", "42", "49"]


def test_what_lies_above_the_bound_is_held_and_sent_by_the_same_command_later(database_url: str, make_job: Any) -> None:
    """A5, A14: a range that ends in the future is not done, so its command goes on when its time has come."""
    column = DATETIME[dialect_of(database_url)]
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    now = datetime.now(UTC).replace(tzinfo=None)

    def put(key: int, at: datetime) -> None:
        insert(database_url, "t", [{"id": key, "at": str(at) if dialect_of(database_url) == "sqlite" else at}])

    for key, hours in ((1, -50), (2, -25), (3, -1), (4, 30), (5, 100)):
        put(key, now + timedelta(hours=hours))
    job = make_job(database_url)
    start, end = str((now - DAY * 3).date()), str((now + DAY * 3).date())
    forecast = job.forecast_backfill(start, end, "1d")
    assert (forecast.forecast.events, forecast.books.held) == (3, 1)
    first = job.backfill(start, end, "1d").books
    assert (first.sent, first.held) == (3, 1)
    put(6, now - timedelta(minutes=1))
    run_sql(database_url, "DELETE FROM t WHERE id = 4")
    second = job.backfill(start, end, "1d").books
    assert (second.sent, second.held) == (1, 0)
    assert job.taken() == ["1", "2", "3", "6"]


def test_another_zone_between_two_calls_is_refused(postgresql_url: str, make_job: Any) -> None:
    """A21: the edges moved with the zone, so "so many windows are done" would pass an hour that was never read."""
    run_sql(postgresql_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at timestamptz)")
    begin = datetime(2024, 3, 30, 23, tzinfo=UTC)
    insert(postgresql_url, "t", [{"id": n, "at": begin + timedelta(hours=n)} for n in range(72)])
    source = "table: t, primary_key: id, cursor_field: at, settle: 0s, timezone: "
    span = ("2024-03-30T23:00:00Z", "2024-04-02T23:00:00Z", "1d")
    with ScriptedServer(unauthorized_from(2)) as api:
        job = make_job(postgresql_url, api, source=f"{source}Europe/Amsterdam")
        # The day of 23 hours, then nothing of the next one.
        assert job.backfill(*span).books.sent == 23
    with ScriptedServer() as api:
        job = make_job(postgresql_url, api, source=f"{source}UTC")
        with pytest.raises(UsageProblem, match="no longer those that it began with"):
            job.backfill(*span)
        books = job.backfill(*span, restart=True).books
        assert (books.read, books.unchanged, books.sent) == (72, 23, 49)


def test_a_column_that_spells_full_seconds_in_two_ways_is_backfilled_from_its_edge_on(
    sqlite_url: str, make_job: Any
) -> None:
    """A26: as text 00:00:00 sorts below 00:00:00.000000, which is how Python spells most times of a column."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT)")
    moments = ["2024-01-01 23:59:59.999999", "2024-01-02 00:00:00", "2024-01-02 00:00:00.000000"]
    moments += ["2024-01-02 00:00:00.000001", "2024-01-03 00:00:00", "2024-01-03 00:00:00.5"]
    insert(sqlite_url, "t", [{"id": n, "at": at} for n, at in enumerate(moments)])
    job = make_job(sqlite_url)
    assert job.backfill("2024-01-02", "2024-01-03").books.read == 3
    assert job.taken() == ["1", "2", "3"]


def test_a_backfill_of_another_source_is_refused(sqlite_url: str, make_job: Any) -> None:
    """D11: its keys would stand in the ledger of the other one."""
    make_days(sqlite_url, days=2, a_day=1)
    run_sql(sqlite_url, "CREATE TABLE u AS SELECT * FROM t")
    make_job(sqlite_url).run("beginning")
    other = make_job(sqlite_url, source="table: u, primary_key: id, cursor_field: at, timezone: UTC")
    with pytest.raises(StateUnusable, match="table u"):
        other.backfill("2024-01-01", "2024-01-03")


def test_an_older_version_never_stays_the_last_one(sqlite_url: str, make_job: Any) -> None:
    """A nightly run sends a newer version while the backfill's older one is on its way."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, name TEXT)")
    run_sql(sqlite_url, "INSERT INTO t VALUES (1, '2024-01-01 00:00:00', 'older')")
    asked, newer_sent = threading.Event(), threading.Event()

    def slow(exchange: Exchange) -> None:
        asked.set()
        newer_sent.wait(30)
        like_squeezely(exchange)

    with ScriptedServer([slow]) as api:
        job = make_job(sqlite_url, api, fields="userid: {column: id, type: text}, firstname: name")
        outcomes = []
        backfill = threading.Thread(target=lambda: outcomes.append(job.backfill("2024-01-01", "2024-02-01")))
        backfill.start()
        asked.wait(30)
        run_sql(sqlite_url, "UPDATE t SET name = 'newer', at = '2024-03-01 00:00:00'")
        assert job.run("beginning").books.sent == 1
        newer_sent.set()
        backfill.join()
        assert [event["firstname"] for event in api.accepted] == ["newer", "older"]
        assert outcomes[0].books.reasons == {"overtaken": 1}
        with job.state() as state:
            assert state.dead_letter_counts() == {"overtaken": 1}
        assert job.retry().books.sent == 1
        assert api.accepted[-1]["firstname"] == "newer"
        with job.state() as state:
            assert state.dead_letter_counts() == {}
        assert job.run().books.sent == 0


def test_a_row_that_was_read_before_its_letter_was_written_does_not_close_it(sqlite_url: str, make_job: Any) -> None:
    """A run's page tells that the row is as the receiver has it; since it was read a backfill found it invalid."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, email TEXT)")
    run_sql(sqlite_url, "INSERT INTO t VALUES (1, '2024-01-01 00:00:00', 'a@shop.nl')")
    job = make_job(sqlite_url, fields="email: email")
    assert job.run("beginning").books.sent == 1

    def invalid_meanwhile(delivery: Delivery, _: RunContext) -> None:
        take_in = delivery._record

        def record(page: Prepared) -> None:
            run_sql(sqlite_url, "UPDATE t SET email = 'nothing'")
            assert job.backfill("2024-01-01", "2024-02-01").books.invalid == 1
            take_in(page)

        delivery._record = record  # type: ignore[method-assign]

    again = job.run("beginning", move_checkpoint=True, started=invalid_meanwhile)
    assert (again.exit_code, again.books.unchanged) == (0, 1)
    with job.state() as state:
        assert state.dead_letter_counts() == {"invalid_email": 1}
