"""A state on a PostgreSQL server: behind poolers, in its own schema, and through the server's restart."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import StateAway, StateUnusable
from etl.state.store import open_state
from tests.servers.databases import OwnServer, own_server
from tests.servers.pgbouncer import pgbouncer
from tests.source.drivers import require_driver
from tests.source.tables import run_sql
from tests.state.filling import SteppingClock


@pytest.fixture
def own(servers_folder: Path) -> Iterator[OwnServer]:
    with own_server("postgresql", servers_folder / f"own-{uuid.uuid4().hex}") as server:
        yield server


@pytest.mark.parametrize("round_robin", [0, 1])
@pytest.mark.parametrize("pool_size", [1, 2, 3, 8])
@pytest.mark.parametrize("busy", [0, 3])
def test_a_pooler_in_transaction_mode_is_refused_when_the_state_is_opened(
    postgresql_url: str, round_robin: int, pool_size: int, busy: int
) -> None:
    """Also one that happens to give the same session of the server twice, in either order, with others in the pool."""
    with pgbouncer(postgresql_url, default_pool_size=pool_size, server_round_robin=round_robin) as url:
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        # Other clients have been there before, so that several sessions of the server lie ready.
        others = [engine.connect() for _ in range(min(busy, pool_size))]
        for one in others:
            one.exec_driver_sql("BEGIN")
        for one in others:
            one.exec_driver_sql("COMMIT")
        for write in (True, False):
            with pytest.raises(StateUnusable, match="lies behind a pooler in transaction mode") as error:
                open_state(url, clock=SteppingClock(), write=write)
            assert error.value.exit_code == 8
            assert error.value.hint == "give the address of the server itself, or of a pooler in session mode"
        for one in others:
            one.close()
    with sa.create_engine(postgresql_url).connect() as connection:
        assert connection.exec_driver_sql("SELECT to_regclass('etl_meta')").scalar() is None


def test_a_pooler_in_session_mode_keeps_the_lock(postgresql_url: str) -> None:
    with pgbouncer(postgresql_url, mode="session", default_pool_size=10) as url:
        with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
            pass
        with open_state(url, clock=SteppingClock(), write=False) as store:
            assert not store.writable


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
@pytest.mark.parametrize("limits", [{"query_wait_timeout": 1}, {"query_wait_timeout": 0}])
def test_a_pool_of_one_session_is_told(postgresql_url: str, driver: str, limits: dict[str, int]) -> None:
    """Also where the pooler would let a client wait for ever."""
    require_driver(f"postgresql+{driver}")
    with pgbouncer(postgresql_url, mode="session", **limits) as pooled:
        url = sa.make_url(pooled).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
        with pytest.raises(StateUnusable, match="the pooler before it had no second session") as error:
            open_state(url, clock=SteppingClock(), write=True)
        assert (error.value.exit_code, "default_pool_size" in str(error.value.hint)) == (8, True)
        # The session that was waited for is free again.
        with sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT").connect() as connection:
            assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_a_pooler_in_statement_mode_is_told(postgresql_url: str, driver: str) -> None:
    """psycopg2 hears only that the connection was closed."""
    require_driver(f"postgresql+{driver}")
    with pgbouncer(postgresql_url, mode="statement", default_pool_size=3) as pooled:
        url = sa.make_url(pooled).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
        for write in (True, False):
            with pytest.raises(StateUnusable, match="a pooler in statement mode stands before the server") as error:
                open_state(url, clock=SteppingClock(), write=write)
            assert "a pooler in session mode" in str(error.value.hint)


@pytest.mark.parametrize("write", [True, False])
def test_a_pooled_session_is_given_back_as_it_was(postgresql_url: str, *, write: bool) -> None:
    """`status` made it read-only, and the shop got it next: a pooler in session mode need not clean it up."""
    with open_state(postgresql_url, clock=SteppingClock(), write=True):
        pass
    settings = {"default_pool_size": 2, "server_reset_query": ""}
    with pgbouncer(postgresql_url, mode="session", **settings) as url:
        with open_state(url, clock=SteppingClock(), write=write):
            pass
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        changed = "SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'application_name'"
        with engine.connect() as one, engine.connect() as other:
            for connection in (one, other):
                assert connection.exec_driver_sql(changed).scalars().all() == []
                connection.exec_driver_sql("CREATE TEMPORARY TABLE t (n integer)")


def test_the_server_is_asked_to_notice_a_dead_client_within_a_minute(postgresql_url: str) -> None:
    """A host that loses power says nothing; its lock must not stay for two hours."""
    with open_state(postgresql_url, clock=SteppingClock(), write=True) as store:
        database = store._database
        for connection in (database._reader, database._writer):
            assert connection is not None
            idle, interval, count = (
                int(connection.execute(f"SHOW tcp_keepalives_{name}", ()).fetchall()[0][0])
                for name in ("idle", "interval", "count")
            )
            assert idle + interval * count <= 60


def test_the_options_of_the_url_are_kept(postgresql_url: str) -> None:
    """A search_path says in which schema the tables lie."""
    run_sql(postgresql_url, "CREATE SCHEMA etl")
    url = f"{postgresql_url}?options=-csearch_path%3Detl"
    with open_state(url, clock=SteppingClock(), write=True) as store:
        store.mapping("people")
    with sa.create_engine(postgresql_url).connect() as connection:
        sql = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'etl_%%'"
        assert connection.exec_driver_sql(sql).scalars().all() == ["etl"]
    with open_state(url, clock=SteppingClock(), write=False) as store:
        assert not store.writable


def test_a_state_whose_server_is_restarted_is_away_not_damaged(own: OwnServer) -> None:
    """Exit 6: the next run goes on, and no person has to decide anything."""
    with open_state(own.url, clock=SteppingClock(), write=True) as store:
        store.mapping("people")
        own.stop()
        with pytest.raises(StateAway, match="the connection to it was lost") as lost:
            store.mapping("others")
        with pytest.raises(StateAway, match="nothing listens on that port") as away:
            open_state(own.url, clock=SteppingClock(), write=True)
        own.start()
    assert (lost.value.exit_code, away.value.exit_code) == (6, 6)
    with open_state(own.url, clock=SteppingClock(), write=True) as store:
        store.mapping("others")


def test_a_state_on_a_host_that_does_not_exist_needs_a_person() -> None:
    with pytest.raises(StateUnusable) as error:
        open_state("postgresql://u:canary@db.shop.invalid/etl", clock=SteppingClock(), write=True)
    assert error.value.exit_code == 8
    assert "canary" not in error.value.message + str(error.value.hint)


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_state_is_kept_by_either_driver_of_libpq(postgresql_url: str, driver: str) -> None:
    require_driver(f"postgresql+{driver}")
    url = sa.make_url(postgresql_url).set(drivername=f"postgresql+{driver}").render_as_string(hide_password=False)
    with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
        pass
    with pgbouncer(url) as pooled, pytest.raises(StateUnusable, match="lies behind a pooler in transaction mode"):
        open_state(pooled, clock=SteppingClock(), write=True)


def test_a_driver_that_is_missing_is_named() -> None:
    with pytest.raises(StateUnusable) as error:
        open_state("postgresql+asyncpgx://host/etl", clock=SteppingClock(), write=True)
    assert error.value.exit_code == 8


@pytest.mark.parametrize("write", [True, False])
def test_a_schema_that_is_not_there_is_told_and_does_not_look_like_an_empty_state(
    postgresql_url: str, *, write: bool
) -> None:
    """A letter too many in the search_path, and `status` said that no mapping had run yet."""
    url = f"{postgresql_url}?options=-csearch_path%3Detll"
    with pytest.raises(
        StateUnusable, match="no schema that the state's URL names in its search_path is there"
    ) as error:
        open_state(url, clock=SteppingClock(), write=write)
    assert (error.value.exit_code, "CREATE SCHEMA" in (error.value.hint or "")) == (8, True)


@pytest.mark.parametrize("driver", ["pg8000", "asyncpg", "foo"])
def test_a_driver_that_keeps_no_state_is_refused_by_name(postgresql_url: str, driver: str) -> None:
    url = f"postgresql+{driver}://{postgresql_url.partition('://')[2]}"
    with pytest.raises(StateUnusable, match=f"names the driver {driver}, which does not keep a state") as error:
        open_state(url, clock=SteppingClock(), write=True)
    assert error.value.hint == "write postgresql://…"


def test_a_state_may_be_named_postgres(postgresql_url: str) -> None:
    """As the source, and as many services write it."""
    url = f"postgres://{postgresql_url.partition('://')[2]}"
    with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
        pass


def test_what_the_server_refuses_is_told_by_its_name_and_number(postgresql_url: str) -> None:
    """Its own words may quote a statement; its number can be looked up."""
    run_sql(postgresql_url, "CREATE TABLE etl_run (x int)")
    with pytest.raises(StateUnusable, match=r"the server says DuplicateTable \(42P07\)") as error:
        open_state(postgresql_url, clock=SteppingClock(), write=True)
    assert error.value.hint == "look for it in the server's log"
