"""The upper bound by the database's clock, in the cursor's own domain."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.host.system_clock import SystemClock
from etl.page import Position, Window
from etl.source.bound import PUBLISHING_MARGIN, clock_statement, oldest_open_seconds
from etl.source.database import Database, Rows
from tests.source.tables import dialect_of, everything, insert, keys_of, opened, run_sql

MINUTE = timedelta(minutes=1)
NOW = {
    "postgresql": "clock_timestamp() AT TIME ZONE 'UTC'",
    "mysql": "UTC_TIMESTAMP(6)",
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
}


def around_now(url: str, column: str) -> None:
    """Row 1 is two hours old, row 2 ten seconds, row 3 lies an hour ahead, by the database's clock."""
    dialect = dialect_of(url)
    run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    for key, seconds in ((1, -7200), (2, -10), (3, 3600)):
        moment = {
            "postgresql": f"{NOW[dialect]} + interval '{seconds} seconds'",
            "mysql": f"{NOW[dialect]} + INTERVAL {seconds} SECOND",
            "sqlite": f"strftime('%Y-%m-%d %H:%M:%f', 'now', '{seconds} seconds')",
        }[dialect]
        if column.startswith("timestamptz"):
            moment = f"clock_timestamp() + interval '{seconds} seconds'"
        if column.startswith("TIMESTAMP"):
            moment = f"CONVERT_TZ({moment}, '+00:00', @@session.time_zone)"
        run_sql(url, f"INSERT INTO t VALUES ({key}, {moment})")


COLUMNS = [
    ("sqlite", "DATETIME", "datetime"),
    ("postgresql", "timestamp", "datetime"),
    ("postgresql", "timestamptz", "datetime_tz"),
    ("postgresql", "timestamp(0)", "datetime"),
    ("mariadb", "DATETIME(6)", "datetime"),
    ("mariadb", "DATETIME", "datetime"),
    ("mariadb", "TIMESTAMP(6) NULL", "datetime_tz"),
    ("mariadb", "TIMESTAMP NULL", "datetime_tz"),
]


def test_a_row_that_was_written_while_the_run_began_is_not_ahead_of_the_clock(database_url: str) -> None:
    """A busy table had some in each night, and nothing is wrong with its clock."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP(6) NULL)")
    for key, ahead in ((1, timedelta(seconds=20)), (2, timedelta(minutes=5))):
        moment = f"{datetime.now(UTC) + ahead:%Y-%m-%d %H:%M:%S.%f}"
        run_sql(database_url, f"INSERT INTO t VALUES ({key}, '{moment}')")
    with opened(database_url, SystemClock(), cursor_field="at", timezone="UTC") as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now) == (2, 1)


@pytest.mark.parametrize(("server", "column", "kind"), COLUMNS)
def test_rows_younger_than_settle_are_held_by_the_databases_clock(
    server: str, column: str, kind: str, request: pytest.FixtureRequest
) -> None:
    """A5, A14, A20: a row ahead of now is counted apart, and no row above the bound is read."""
    url = request.getfixturevalue(f"{server}_url")
    around_now(url, column)
    for settle, keys, held in (
        (MINUTE, [(1,)], 2),
        (timedelta(seconds=2), [(1,), (2,)], 1),
        (timedelta(hours=3), [], 3),
    ):
        with opened(url, SystemClock(), cursor_field="at", settle=settle) as source:
            bound = source.upper_bound()
            assert (bound.held, bound.beyond_now) == (held, 1)
            assert source.cursor_kind == kind
            assert keys_of(everything(source)) == keys


@pytest.mark.parametrize(("server", "column", "kind"), COLUMNS)
def test_the_default_settle_is_a_minute_and_nothing_on_sqlite(
    server: str, column: str, kind: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(f"{server}_url")
    around_now(url, column)
    with opened(url, cursor_field="at") as source:
        assert keys_of(everything(source)) == ([(1,), (2,)] if server == "sqlite" else [(1,)])


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu"])
def test_a_column_in_local_time_is_bounded_in_local_time(database_url: str, zone: str) -> None:
    """A20: far from UTC in both directions; without the zone half a day would be held, or nothing."""
    column = {"postgresql": "timestamp", "mysql": "DATETIME(6)", "sqlite": "TEXT"}[dialect_of(database_url)]
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    local = datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    rows = [{"id": 1, "at": local - timedelta(minutes=5)}, {"id": 2, "at": local + timedelta(minutes=5)}]
    if column == "TEXT":
        rows = [{**row, "at": row["at"].isoformat(sep=" ")} for row in rows]  # type: ignore[attr-defined]
    insert(database_url, "t", rows)
    with opened(database_url, cursor_field="at", timezone=zone, settle=MINUTE) as source:
        assert keys_of(everything(source)) == [(1,)]
        assert source.upper_bound().held == 1


@pytest.mark.parametrize(
    "spelling",
    [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S+00:00",
        "%Y-%m-%d %H:%M",
    ],
)
def test_text_times_of_sqlite_are_bounded_in_their_own_spelling(sqlite_url: str, spelling: str) -> None:
    """A26: a bound with a blank would sort below every T of the same day."""
    now = datetime.now(UTC)
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT)")
    ages = [timedelta(days=1), timedelta(minutes=10), timedelta(minutes=-10), timedelta(minutes=-20)]
    insert(sqlite_url, "t", [{"id": n, "at": (now - age).strftime(spelling)} for n, age in enumerate(ages)])
    with opened(sqlite_url, cursor_field="at") as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now) == (2, 2)
        assert keys_of(everything(source)) == [(0,), (1,)]
        (again, new) = source.windows(Position((now - ages[1]).strftime(spelling), (1,)), bound)
        assert keys_of(source.pages(again)) == [(1,)]
        assert keys_of(source.pages(new)) == []


def test_a_date_cursor_reads_today_again_tomorrow(database_url: str) -> None:
    """A25: a day is coarse: with a lookback its rows are read twice, without one the running day is held."""
    today = datetime.now(UTC).date()
    run_sql(
        database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {'TEXT' if 'sqlite' in database_url else 'DATE'})"
    )
    days = [today - timedelta(days=2), today - timedelta(days=1), today, today + timedelta(days=2)]
    insert(database_url, "t", [{"id": n, "at": str(day)} for n, day in enumerate(days)])
    value: Any = str if "sqlite" in database_url else date.fromisoformat
    with opened(database_url, cursor_field="at") as source:
        assert source.cursor_kind == "date"
        # Just after midnight of UTC the settled day is yesterday; both are right.
        bound = source.upper_bound()
        assert bound.until in {value(str(today)), value(str(today - timedelta(days=1)))}
        again, _ = source.windows(Position(value(str(days[1])), (1,)), bound)
        assert keys_of(source.pages(again)) == [(0,), (1,)]
    with opened(database_url, cursor_field="at", lookback=timedelta(0), settle=timedelta(0)) as source:
        assert source.upper_bound().until == value(str(today - timedelta(days=1)))
        assert keys_of(everything(source)) == [(0,), (1,)]


def test_without_a_lookback_the_running_second_is_held(sqlite_url: str) -> None:
    """A25: another row may still get this second with a lower key, and nothing would look there again."""
    run_sql(
        sqlite_url,
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT DEFAULT CURRENT_TIMESTAMP)",
        "INSERT INTO t (id) VALUES (5)",
    )
    with opened(sqlite_url, cursor_field="at", lookback=timedelta(0)) as source:
        assert source.upper_bound().until < datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")


def test_integer_cursors_settle_and_look_back_in_units(database_url: str) -> None:
    """A7."""
    run_sql(database_url, "CREATE TABLE t (id BIGINT PRIMARY KEY)")
    insert(database_url, "t", [{"id": n} for n in (1, 5, 90, 95, 2**53 + 1)])
    with opened(database_url, cursor_field="id") as source:
        bound = source.upper_bound()
        assert (bound.until, bound.held) == (2**53 + 1, 0)
        assert len(source.windows(Position(90, (90,)), bound)) == 1
    with opened(database_url, cursor_field="id", settle=2**53 - 94, lookback=4) as source:
        bound = source.upper_bound()
        assert (bound.until, bound.held) == (95, 1)
        again, new = source.windows(Position(90, (90,)), bound)
        assert keys_of(source.pages(again)) == [(90,)]
        assert keys_of(source.pages(new)) == [(95,)]


def test_text_cursors_are_bounded_by_the_clock_in_their_own_spelling(database_url: str) -> None:
    """A28."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR(20))")
    insert(database_url, "t", [{"id": n, "code": code} for n, code in enumerate(["20240102", "20240101", "99991231"])])
    with opened(database_url, cursor_field="code") as source:
        assert (source.upper_bound().held, source.upper_bound().beyond_now) == (1, 1)
        assert keys_of(everything(source)) == [(1,), (0,)]


@pytest.mark.parametrize("column", ["INTEGER", "VARCHAR(9)", "DATETIME", "DATE", "DECIMAL(20,0)"])
def test_an_empty_table_is_nothing_to_do(database_url: str, column: str) -> None:
    """A46."""
    column = column if "postgresql" not in database_url else column.replace("DATETIME", "timestamp")
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    with opened(database_url, cursor_field="at") as source:
        bound = source.upper_bound()
        assert bound.held == 0
        assert everything(source) == []
        source.check_not_backwards(
            Position(source.parse_cursor("2024-01-01" if "DA" in column or "stamp" in column else "5"), (1,))
        )


def test_an_open_writing_transaction_lowers_the_bound(postgresql_url: str, mariadb_url: str) -> None:
    """A5, A6: a row written when it began may appear when it ends, whatever `settle` says.

    It began before `written`, so the bound lies the margin below that at least, however long it has been open.
    """
    for url in (postgresql_url, mariadb_url):
        column = "timestamp" if url == postgresql_url else "DATETIME(6)"
        run_sql(url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with opened(url, SystemClock(), cursor_field="at", settle=timedelta(0)) as source:
            # MariaDB counts the whole server's transactions, also those of tests beside this one.
            assert url == mariadb_url or source.upper_bound().oldest_open_seconds is None
            with engine.connect() as connection:
                begun = source.now()
                connection.exec_driver_sql(f"INSERT INTO t VALUES (1, {NOW[dialect_of(url)]})")
                written = source.now()
                bound = source.upper_bound()
                assert bound.oldest_open_seconds is not None
                assert isinstance(bound.until, datetime)
                assert bound.until.replace(tzinfo=UTC) < begun
                assert bound.until.replace(tzinfo=UTC) <= written - PUBLISHING_MARGIN
                connection.rollback()
            assert url == mariadb_url or source.upper_bound().oldest_open_seconds is None


def look_all_the_time(url: str, stop: threading.Event) -> None:
    """As a monitor does: the server renews its list only after a tenth of a second without a look."""
    with sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as connection:
        while not stop.wait(0.02):
            connection.exec_driver_sql("SELECT COUNT(*) FROM information_schema.innodb_trx")


def test_a_monitor_that_looks_all_the_time_hides_no_open_transaction(mariadb_url: str) -> None:
    """A5: the list that the monitor keeps is older than the transaction, and is not believed."""
    run_sql(mariadb_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME(6))")
    stop = threading.Event()
    monitor = threading.Thread(target=look_all_the_time, args=(mariadb_url, stop))
    end_soon = threading.Timer(0.6, stop.set)
    with (
        opened(mariadb_url, SystemClock(), cursor_field="at", settle=timedelta(0)) as source,
        sa.create_engine(mariadb_url, poolclass=sa.NullPool).connect() as connection,
    ):
        monitor.start()
        time.sleep(0.2)
        connection.exec_driver_sql(f"INSERT INTO t VALUES (1, {NOW['mysql']})")
        end_soon.start()
        try:
            assert source.upper_bound().oldest_open_seconds is not None
        finally:
            stop.set()
            monitor.join()
            end_soon.join()


def test_a_list_that_stays_out_of_date_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """A5: `settle` alone decides then, and the log says so."""

    class Watched(Database):
        def __init__(self) -> None:
            self.dialect, self.place, self.looks, self.stopped = "mysql", "a server", 0, False

        def mark(self) -> str:
            return "0" * 13

        def read(self, statement: sa.Executable, **how: Any) -> Rows:
            assert how == {"listed": True}
            self.looks += 1
            return Rows([(7, 0)], ())

        def wait(self, seconds: float) -> bool:
            assert seconds / 2 > 0.1
            return self.stopped

    database = Watched()
    assert oldest_open_seconds(database) is None
    assert database.looks > 5
    assert "`settle` alone decides which rows are held. place=a server" in caplog.text
    database.stopped = True
    with pytest.raises(SourceFailed, match="stopped while"):
        oldest_open_seconds(database)


def test_a_writing_transaction_older_than_settle_is_warned_of(
    postgresql_url: str, mariadb_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A5: what stays held is not a mystery."""
    for url in (postgresql_url, mariadb_url):
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at timestamp)")
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1, '2024-01-01')")
            for settle, warned in ((timedelta(hours=9), False), (timedelta(0), True)):
                caplog.clear()
                with opened(url, SystemClock(), cursor_field="at", settle=settle) as source:
                    source.upper_bound()
                    words = f"rows since its start are held. place={source.place} seconds="
                assert (words in caplog.text) == warned


def test_an_account_that_may_not_see_transactions_has_settle_alone(postgresql_url: str, mariadb_url: str) -> None:
    """A6: without pg_read_all_stats or PROCESS the bound is that of `settle`; with it, of the transaction."""
    for url in (postgresql_url, mariadb_url):
        postgresql, database = dialect_of(url) == "postgresql", sa.make_url(url).database
        host = "" if postgresql else "@127.0.0.1"
        may_read = ["GRANT SELECT ON t TO {}"] if postgresql else [f"GRANT SELECT ON {database}.t TO {{}}"]
        may_see = ["GRANT pg_read_all_stats TO {}"] if postgresql else ["GRANT PROCESS ON *.* TO {}"]
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at timestamp)")
        engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1, '2024-01-01')")
            for suffix, granted, sees in (("blind", may_read, False), ("seeing", may_read + may_see, True)):
                user = f"{suffix}_{database}"[:60]
                login = "LOGIN" if postgresql else ""
                kind = "ROLE" if postgresql else "USER"
                run_sql(url, f"CREATE {kind} {user}{host} {login}", *(one.format(user + host) for one in granted))
                account = sa.make_url(url).set(username=user).render_as_string(hide_password=False)
                with opened(account, SystemClock(), cursor_field="at", settle=timedelta(0)) as source:
                    bound = source.upper_bound()
                    assert isinstance(bound.until, datetime)
                    assert (bound.oldest_open_seconds is not None) == sees
                    assert keys_of(everything(source)) == []
                revoke = [f"DROP OWNED BY {user}"] if postgresql else []
                run_sql(url, *revoke, f"DROP {kind} {user}{host}")


def test_a_prepared_transaction_counts_as_open(postgresql_url: str) -> None:
    """A6."""
    run_sql(postgresql_url, "CREATE TABLE t (id INTEGER PRIMARY KEY, at timestamptz)")
    engine = sa.create_engine(postgresql_url, poolclass=sa.pool.NullPool)
    with opened(postgresql_url, cursor_field="at") as source:
        with engine.connect() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1, now())")
            connection.exec_driver_sql("PREPARE TRANSACTION 'left_behind'")
        assert source.upper_bound().oldest_open_seconds is not None
        run_sql(postgresql_url, "ROLLBACK PREPARED 'left_behind'")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql", "mariadb", "mssql", "oracle", "db2"])
def test_every_dialect_has_a_clock(dialect: str) -> None:
    assert str(clock_statement(dialect).compile())


def test_backfill_windows_read_each_row_once(database_url: str) -> None:
    """A8: half-open windows meet without gap or overlap, at every edge."""
    column = {"postgresql": "timestamp", "mysql": "DATETIME(6)", "sqlite": "TEXT"}[dialect_of(database_url)]
    run_sql(database_url, f"CREATE TABLE t (id INTEGER PRIMARY KEY, at {column})")
    moments = [datetime(2024, 1, 1) + timedelta(hours=6 * n) for n in range(480)]  # noqa: DTZ001  # a column without zone
    insert(database_url, "t", [{"id": n, "at": str(at) if column == "TEXT" else at} for n, at in enumerate(moments)])
    with opened(database_url, cursor_field="at", page_size=50) as source:
        start, end = source.parse_cursor("2024-01-03"), source.parse_cursor("2024-04-15T06:00")
        windows = source.backfill_windows(start, end, "1w", bound=source.upper_bound())
        read = [key for window in windows for key in keys_of(source.pages(window))]
        assert read == [(n,) for n in range(8, 4 * 105 + 1)]
        assert sum(source.count(window) for window in windows) == len(read)
        assert source.count(Window(start=start, until=end, until_open=True)) == len(read)
