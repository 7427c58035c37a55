"""What the database lets us look at, and how long: reading goes on where only looking is refused or slow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.page import Window
from tests.source.clocks import FakeClock
from tests.source.tables import dialect_of, everything, insert, keys_of, opened, run_sql

ROWS = 9


@pytest.fixture(params=["postgresql", "mariadb"])
def server_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def poor_url(server_url: str) -> Iterator[str]:
    """The same database as a user who may do nothing yet."""
    if dialect_of(server_url) == "postgresql":
        made, gone, user = (
            "CREATE ROLE poor_reader LOGIN",
            "DROP OWNED BY poor_reader; DROP ROLE poor_reader",
            "poor_reader",
        )
    else:
        made, gone, user = "CREATE USER poor_reader@127.0.0.1", "DROP USER poor_reader@127.0.0.1", "poor_reader"
    run_sql(server_url, made)
    yield sa.make_url(server_url).set(username=user).render_as_string(hide_password=False)
    run_sql(server_url, *gone.split("; "))


def grantee(url: str) -> str:
    return "poor_reader" if dialect_of(url) == "postgresql" else "poor_reader@127.0.0.1"


def test_a_view_is_read_with_select_alone(server_url: str, poor_url: str) -> None:
    """MariaDB shows a view's structure only to whom SHOW VIEW was granted; reading it needs less."""
    time = "timestamptz" if dialect_of(server_url) == "postgresql" else "TIMESTAMP(6)"
    run_sql(server_url, f"CREATE TABLE t (id integer PRIMARY KEY, at {time}, n integer)")
    run_sql(server_url, "CREATE VIEW v AS SELECT id, at, n FROM t", f"GRANT SELECT ON v TO {grantee(server_url)}")
    insert(server_url, "t", [{"id": number, "at": "2024-01-01 00:00:00", "n": number} for number in range(ROWS)])
    with opened(poor_url, table="v", cursor_field="at", columns=("n",), page_size=2) as source:
        assert keys_of(everything(source)) == [(number,) for number in range(ROWS)]
        assert [column.kind for column in source.columns] == ["integer", "datetime_tz", "integer"]


def test_columns_granted_one_by_one_are_read(server_url: str, poor_url: str) -> None:
    run_sql(
        server_url,
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, secret text)",
        f"GRANT SELECT (id, n) ON t TO {grantee(server_url)}",
    )
    insert(server_url, "t", [{"id": number, "n": number} for number in range(ROWS)])
    with opened(poor_url, cursor_field="n", page_size=2) as source:
        assert keys_of(everything(source)) == [(number,) for number in range(ROWS)]


def test_a_table_that_may_not_be_read_is_named(server_url: str, poor_url: str) -> None:
    run_sql(server_url, "CREATE TABLE t (id integer PRIMARY KEY, n integer)", "CREATE TABLE u (id integer)")
    run_sql(server_url, f"GRANT SELECT ON u TO {grantee(server_url)}")
    with pytest.raises(SourceFailed) as error, opened(poor_url, cursor_field="n") as source:
        list(source.pages(Window()))
    assert "the database user may not read it: " in error.value.message
    assert error.value.hint == "grant SELECT on it to the user of source.url"


def test_what_is_odd_elsewhere_in_the_schema_costs_nothing(postgresql_url: str, mariadb_url: str) -> None:
    """Types and defaults that SQLAlchemy does not know, also in the table itself, where no field reads them."""
    run_sql(
        postgresql_url,
        "CREATE TYPE pair AS (a integer, b text)",
        "CREATE DOMAIN odd AS text DEFAULT 'x''y' CHECK (VALUE <> '),(''')",
        "CREATE TABLE other (a pair, b odd[], c int4range DEFAULT '[1,2)', d xml, e tsvector, f pg_lsn, g pair[])",
        "CREATE INDEX ON other USING gin (e)",
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, a pair DEFAULT ROW(1,'x'), b odd, e tsvector)",
        "CREATE INDEX ON t USING gin (e)",
        "CREATE UNIQUE INDEX ON t ((n + 1), id) WHERE n > 1",
    )
    run_sql(
        mariadb_url,
        "CREATE TABLE other (a INET6 DEFAULT '::1', b UUID, c GEOMETRY, d SET('x)','y''') DEFAULT 'y''', "
        "e VARCHAR(9) DEFAULT (concat('a', \"'\", `f`)), f VARCHAR(9) INVISIBLE DEFAULT ')' COMMENT 'it''s, (odd)')",
        "CREATE TABLE t (id integer PRIMARY KEY, n integer, c POINT, "
        "e VARCHAR(9) AS (concat('(', n)) VIRTUAL, "
        "f VARCHAR(9) DEFAULT ')' COMMENT 'it''s, (odd)', i INET6 DEFAULT '::1', KEY odd (n DESC) COMMENT 'x) ,')",
    )
    for url in (postgresql_url, mariadb_url):
        insert(url, "t", [{"id": number, "n": number} for number in range(ROWS)])
        with opened(url, cursor_field="n", page_size=2) as source:
            assert keys_of(everything(source)) == [(number,) for number in range(ROWS)]


def test_counts_for_a_report_are_given_up_quietly(server_url: str) -> None:
    """A condition that needs long: how many rows are held is worth no failure, and no second try."""
    slow = "pg_sleep(0.03)::text" if dialect_of(server_url) == "postgresql" else "SLEEP(0.03)"
    naive = "timestamp" if dialect_of(server_url) == "postgresql" else "DATETIME"
    run_sql(
        server_url, f"CREATE TABLE t (id integer PRIMARY KEY, at {naive} NOT NULL)", "CREATE INDEX t_at ON t (at, id)"
    )
    late = [{"id": 100 + number, "at": "2200-01-01 00:00:00"} for number in range(100)]
    insert(server_url, "t", [{"id": number, "at": "2024-01-01 00:00:00"} for number in range(ROWS)] + late)
    clock = FakeClock()
    where = f"{slow} IS NOT NULL"
    limit = timedelta(seconds=1)
    with opened(server_url, clock, where=where, cursor_field="at", timezone="UTC", statement_timeout=limit) as source:
        bound = source.upper_bound()
        assert (bound.held, bound.beyond_now) == (None, None)
        assert source.count_for_report(Window()) is None
        (window,) = source.windows(None, bound)
        assert keys_of(source.pages(window)) == [(number,) for number in range(ROWS)]
        assert clock.waits == []


def test_rows_without_a_cursor_that_cannot_be_counted_in_time_are_not_called_none(server_url: str) -> None:
    """0 would say that there are none, which was not looked at."""
    slow = "pg_sleep(0.03)::text" if dialect_of(server_url) == "postgresql" else "SLEEP(0.03)"
    run_sql(server_url, "CREATE TABLE t (id integer PRIMARY KEY, n integer)", "CREATE INDEX t_n ON t (n, id)")
    insert(server_url, "t", [{"id": number, "n": None} for number in range(100)])
    plan = {"where": f"{slow} IS NOT NULL", "on_null_cursor": "skip", "statement_timeout": timedelta(seconds=1)}
    with opened(server_url, cursor_field="n", **plan) as source:
        assert source.check_null_cursors() is None


def test_the_time_limit_of_a_statement_is_the_mappings(server_url: str) -> None:
    slow = "pg_sleep(1.3)::text" if dialect_of(server_url) == "postgresql" else "SLEEP(1.3)"
    run_sql(server_url, "CREATE TABLE t (id integer PRIMARY KEY)")
    insert(server_url, "t", [{"id": number} for number in range(2)])
    plan = {"query": f"SELECT id, {slow} AS s FROM t", "columns": ("s",)}
    with opened(server_url, statement_timeout=timedelta(seconds=30), **plan) as source:
        assert len(keys_of(source.pages(Window()))) == 2
    with (
        opened(server_url, statement_timeout=timedelta(seconds=1), **plan) as source,
        pytest.raises(SourceFailed) as error,
    ):
        list(source.pages(Window()))
    assert "a lock or time limit ended the statement" in error.value.message
    assert "source.statement_timeout" in str(error.value.hint)


def test_who_may_only_read_is_no_administrator(server_url: str, poor_url: str) -> None:
    run_sql(server_url, "CREATE TABLE t (id integer PRIMARY KEY)", f"GRANT SELECT ON t TO {grantee(server_url)}")
    with opened(poor_url) as source:
        assert [one.message for one in source.preflight() if one.path == "source.url"] == []
