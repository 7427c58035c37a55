"""What every session is: read-only, in UTC, known by its name, and without a transaction while pages are worked on."""

from __future__ import annotations

import logging
import time

import pytest
import sqlalchemy as sa

from etl.page import Window
from etl.source.database import Database
from etl.source.fault import DatabaseFault
from tests.source.drivers import require_driver
from tests.source.tables import dialect_of, insert, keys_of, opened, run_sql, writer


def database_of(source: object) -> Database:
    return source.parts.database  # type: ignore[attr-defined,no-any-return]


def test_sessions_cannot_write(database_url: str) -> None:
    """A48: in MariaDB, where a definition would end the read-only transaction, no other statement leaves at all."""
    run_sql(database_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    said = {
        "sqlite": "SQLITE_READONLY",
        "postgresql": "in a read-only transaction",
        "mysql": "only statements that read",
    }
    with opened(database_url) as source:
        for sql in ("DELETE FROM t", "CREATE TABLE u (id INTEGER)", "UPDATE t SET id = 2"):
            with pytest.raises(DatabaseFault, match=said[dialect_of(database_url)]):
                database_of(source).read(sa.text(sql))
        assert source.count(Window()) == 1


def test_a_sqlite_file_stays_closed_to_writing_whatever_the_session_is_told(sqlite_url: str) -> None:
    """A47, A48: mode=ro in the URI, not only a PRAGMA."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with opened(sqlite_url) as source:
        database_of(source).read(sa.text("PRAGMA query_only = OFF"))
        with pytest.raises(DatabaseFault, match="SQLITE_READONLY"):
            database_of(source).read(sa.text("INSERT INTO t VALUES (1)"))


def test_sessions_are_in_utc(postgresql_url: str, mariadb_url: str) -> None:
    """A23: also after a reconnect."""
    for url, sql in ((postgresql_url, "SHOW TimeZone"), (mariadb_url, "SELECT @@session.time_zone")):
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        with opened(url) as source:
            for _ in range(2):
                assert database_of(source).read(sa.text(sql)).rows[0][0] in {"UTC", "+00:00"}
                database_of(source).engine.dispose()


def test_no_transaction_is_open_between_pages(postgresql_url: str, mariadb_url: str) -> None:
    """A36: fetched, ended, then handed out; so DDL goes through while a page is being sent."""
    idle = {
        "postgresql": "SELECT state FROM pg_stat_activity "
        "WHERE application_name = 'squeezely-etl' AND datname = current_database()",
        "mysql": "SELECT trx_state FROM information_schema.innodb_trx JOIN information_schema.processlist p "
        "ON p.id = trx_mysql_thread_id WHERE p.db = database() AND p.id <> connection_id()",
    }
    for url, free in ((postgresql_url, ["idle"]), (mariadb_url, [])):
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        insert(url, "t", [{"id": n} for n in range(9)])
        with opened(url, page_size=3) as source:
            for number, _ in enumerate(source.pages(Window())):
                with writer(url) as connection:
                    # MariaDB renews its list only when no session has read it for a tenth of a second.
                    time.sleep(0.15)
                    assert connection.execute(sa.text(idle[dialect_of(url)])).scalars().all() == free
                    connection.exec_driver_sql(f"ALTER TABLE t ADD COLUMN c{number} INTEGER")


def test_a_writer_of_sqlite_is_not_blocked_between_pages(sqlite_url: str) -> None:
    """A36."""
    run_sql(sqlite_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    insert(sqlite_url, "t", [{"id": n} for n in range(9)])
    with opened(sqlite_url, page_size=3) as source:
        engine = sa.create_engine(sqlite_url, connect_args={"timeout": 0})
        for number, _ in enumerate(source.pages(Window())):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"INSERT INTO t VALUES ({100 + number})")


def test_sqlite_in_wal_mode_is_read_while_it_is_written(sqlite_url: str) -> None:
    """A36, A48: the usual mode of an application's database."""
    run_sql(sqlite_url, "PRAGMA journal_mode = WAL", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    engine = sa.create_engine(sqlite_url, connect_args={"timeout": 0})
    with engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.commit()
        connection.exec_driver_sql("INSERT INTO t VALUES (2)")
        with opened(sqlite_url) as source:
            assert source.count(Window()) == 1
            connection.commit()
            assert source.count(Window()) == 2


def test_no_value_and_no_secret_reaches_the_log(postgresql_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """F3: ids, keys and cursors at most; a failing statement does not show its parameters."""
    run_sql(
        postgresql_url,
        "CREATE TABLE t (id text PRIMARY KEY, n integer)",
        "INSERT INTO t VALUES ('canary@example.com', 0)",
    )
    with caplog.at_level(logging.DEBUG, logger="etl"), opened(postgresql_url) as source:
        list(source.pages(Window()))
        with pytest.raises(DatabaseFault) as fault:
            database_of(source).read(sa.text("SELECT 1 / n FROM t WHERE id = 'canary@example.com'"))
    assert "canary" not in caplog.text + str(fault.value)
    assert fault.value.__cause__ is None


def test_the_server_is_asked_to_notice_within_a_minute_that_we_are_gone(postgresql_url: str) -> None:
    """A statement whose run is over must not hold back the shop's vacuum for hours."""
    run_sql(postgresql_url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
    with opened(postgresql_url) as source:
        idle, interval, count = (
            int(database_of(source).read(sa.text(f"SHOW tcp_keepalives_{name}")).rows[0][0])
            for name in ("idle", "interval", "count")
        )
        assert idle + interval * count <= 60


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "pg8000"])
def test_limits_that_the_database_sets_for_other_programs_do_not_end_a_page(postgresql_url: str, driver: str) -> None:
    """The mapping's own statement_timeout holds; a page of the shop's reports may take longer than its web pages."""
    require_driver(f"postgresql+{driver}")
    url = sa.make_url(postgresql_url).set(drivername=f"postgresql+{driver}")
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        run_sql(postgresql_url, f"ALTER DATABASE {url.database} SET {name} = '300ms'")
    query = "SELECT id, pg_sleep(0.4)::text AS slept FROM t"
    with opened(url.render_as_string(hide_password=False), query=query) as source:
        found = {
            name: database_of(source).read(sa.text(f"SHOW {name}")).rows[0][0]
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
        assert found == {
            "statement_timeout": "5min",
            "lock_timeout": "30s",
            "idle_in_transaction_session_timeout": "5min",
        }
        assert keys_of(source.pages(Window())) == [(1,), (2,)]
