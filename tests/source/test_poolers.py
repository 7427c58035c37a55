"""A pooler in transaction mode: whatever a session of ours were told would befall the program that gets it next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from etl.errors import SourceFailed
from etl.page import Window
from etl.source.connect import connect
from etl.source.fault import DatabaseFault
from tests.servers.pgbouncer import pgbouncer
from tests.source.clocks import FakeClock
from tests.source.drivers import require_driver
from tests.source.tables import insert, keys_of, opened, run_sql, writer

SETTINGS = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY name"


@pytest.fixture(params=["psycopg", "psycopg2", "pg8000"])
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver that reads PostgreSQL."""
    name: str = request.param
    require_driver(f"postgresql+{name}")
    return name


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """The test's database through a pooler with one session of the server, which everybody gets in turn."""
    with pgbouncer(postgresql_url) as url:
        yield url


def test_the_shop_writes_on_the_session_that_was_read_with(pooled_url: str, postgresql_url: str, driver: str) -> None:
    """One session serves both: read-only would hit the shop's next UPDATE, our zone its next now()::date."""
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY, n integer, at timestamptz DEFAULT now())")
    insert(postgresql_url, "t", [{"id": number, "n": 0} for number in range(9)])
    source_url = sa.make_url(pooled_url).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
    with writer(pooled_url) as shop, opened(source_url, cursor_field="at", page_size=2) as source:
        read = []
        bound = source.upper_bound()
        before = shop.execute(sa.text(SETTINGS)).all()
        for page in source.pages(Window()):
            read += keys_of([page])
            assert shop.execute(sa.text(f"UPDATE t SET n = n + 1 WHERE id = {len(read) - 1}")).rowcount == 1
            assert shop.execute(sa.text(SETTINGS)).all() == before
        assert sorted(read) == [(number,) for number in range(9)]
        assert bound.until is not None
        assert source.preflight() is not None
        with pytest.raises(DatabaseFault):
            source.parts.database.read(sa.text("UPDATE t SET n = 9"))
        shop.execute(sa.text("INSERT INTO t VALUES (100, 0)"))
    assert before == []


def test_a_failed_statement_leaves_nothing_behind(pooled_url: str, postgresql_url: str, driver: str) -> None:
    """Also where the transaction ended by an error."""
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY)")
    source_url = sa.make_url(pooled_url).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
    with writer(pooled_url) as shop, opened(source_url) as source:
        for sql in ("SELECT 1 / 0", "SELECT gone FROM t", "DELETE FROM t"):
            with pytest.raises(DatabaseFault):
                source.parts.database.read(sa.text(sql))
            assert shop.execute(sa.text(SETTINGS)).all() == []
            shop.execute(sa.text("DELETE FROM t"))


def test_a_pooler_in_statement_mode_is_named_and_tried_once(postgresql_url: str, driver: str) -> None:
    """It allows no transactions; not every driver hands its words on."""
    clock = FakeClock()
    with pgbouncer(postgresql_url, mode="statement", default_pool_size=3) as pooled:
        url = sa.make_url(pooled).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
        with pytest.raises(SourceFailed, match="a pooler in statement mode stands before the server") as error:
            connect(url, clock=clock).close()
    assert error.value.hint == "give the address of the server itself, or of a pooler in another mode"
    assert clock.waits == []


def test_a_pool_of_one_session_in_session_mode_is_read_through(postgresql_url: str, driver: str) -> None:
    run_sql(postgresql_url, "CREATE TABLE t (id integer PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)")
    with pgbouncer(postgresql_url, mode="session", query_wait_timeout=2) as pooled:
        url = sa.make_url(pooled).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
        with opened(url, page_size=1) as source:
            assert keys_of(source.pages(Window())) == [(1,), (2,), (3,)]
