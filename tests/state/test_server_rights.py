"""A state on a PostgreSQL server whose administrator has set limits and rights: none is taken for another fault."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import EtlError, StateAway, StateUnusable
from etl.state.store import open_state
from tests.servers.databases import own_server, replicated_postgresql
from tests.source.drivers import require_driver
from tests.source.tables import run_sql
from tests.state.filling import SteppingClock

# What makes each transaction or session of another program end early; an hour's run must not notice.
SETTINGS = {
    "statement_timeout": "700",
    "lock_timeout": "700",
    "idle_in_transaction_session_timeout": "700",
    "default_transaction_isolation": "serializable",
}


@pytest.fixture(params=["psycopg", "psycopg2"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Each driver that keeps a state."""
    require_driver(f"postgresql+{request.param}")
    return f"postgresql+{request.param}"


@pytest.fixture
def user(postgresql_url: str) -> Iterator[str]:
    """A user of the server that has no rights of its own."""
    name = f"etl_{uuid.uuid4().hex[:12]}"
    run_sql(postgresql_url, f"CREATE ROLE {name} LOGIN")
    yield name
    run_sql(postgresql_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def as_user(url: str, scheme: str, user: str, **query: str) -> str:
    return sa.make_url(url).set(drivername=scheme, username=user, query=query).render_as_string(hide_password=False)


def refusal(url: str, *, write: bool = True) -> EtlError:
    with pytest.raises(StateUnusable) as error, open_state(url, clock=SteppingClock(), write=write) as store:
        store.mapping("people")
    assert error.value.exit_code == 8
    assert "can be reached" not in str(error.value.hint)
    return error.value


@pytest.mark.parametrize("where", ["role", "database", "url"])
def test_the_limits_of_the_role_or_the_database_do_not_end_the_bookkeeping(
    postgresql_url: str, scheme: str, user: str, where: str
) -> None:
    database = sa.make_url(postgresql_url).database
    run_sql(postgresql_url, f"CREATE SCHEMA {user} AUTHORIZATION {user}")
    query = {}
    if where == "url":
        query = {"options": " ".join(f"-c{name}={value}" for name, value in SETTINGS.items())}
    for name, value in SETTINGS.items():
        if where != "url":
            kept = f"ROLE {user}" if where == "role" else f"DATABASE {database}"
            run_sql(postgresql_url, f"ALTER {kept} SET {name} = '{value}'")
    url = as_user(postgresql_url, scheme, user, **query)
    with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
        for connection in (store._database._reader, store._database._writer):
            assert connection is not None
            shown = {name: connection.execute(f"SHOW {name}", ()).fetchall()[0][0] for name in SETTINGS}
            assert shown == dict.fromkeys(SETTINGS, "0") | {"default_transaction_isolation": "read committed"}
    with open_state(url, clock=SteppingClock(), write=False) as store:
        assert not store.writable


def test_a_user_that_may_not_write_is_told(postgresql_url: str, scheme: str, user: str) -> None:
    run_sql(
        postgresql_url,
        f"CREATE SCHEMA {user} AUTHORIZATION {user}",
        f"ALTER ROLE {user} SET default_transaction_read_only = on",
    )
    error = refusal(as_user(postgresql_url, scheme, user))
    assert "it takes no writes: it is a standby, or default_transaction_read_only is on" in error.message


def test_a_schema_without_create_is_named(postgresql_url: str, scheme: str, user: str) -> None:
    """Since PostgreSQL 15 this is so for `public` and every user but the database's owner."""
    error = refusal(as_user(postgresql_url, scheme, user))
    assert "this user lacks the right: permission denied for schema public (42501)" in error.message
    assert "GRANT USAGE, CREATE ON SCHEMA" in str(error.hint)


@pytest.mark.parametrize("write", [True, False])
def test_a_schema_without_usage_is_named(postgresql_url: str, scheme: str, user: str, *, write: bool) -> None:
    """It does not count as one of the search path, which looked as if it were not there."""
    run_sql(postgresql_url, "CREATE SCHEMA etl")
    error = refusal(as_user(postgresql_url, scheme, user, options="-csearch_path=etl"), write=write)
    assert "this user may not use the schema etl, which the state's URL names in its search_path" in error.message
    assert error.hint == "let its owner GRANT USAGE, CREATE ON SCHEMA etl TO this user"


@pytest.mark.parametrize("write", [True, False])
def test_tables_of_another_user_are_named(postgresql_url: str, scheme: str, user: str, *, write: bool) -> None:
    with open_state(postgresql_url, clock=SteppingClock(), write=True):
        pass
    error = refusal(as_user(postgresql_url, scheme, user), write=write)
    assert "permission denied for table etl_meta (42501)" in error.message
    assert "SELECT, INSERT, UPDATE, DELETE on the tables etl_…" in str(error.hint)


def test_a_database_without_connect_is_named(postgresql_url: str, scheme: str, user: str) -> None:
    run_sql(postgresql_url, f"REVOKE CONNECT ON DATABASE {sa.make_url(postgresql_url).database} FROM PUBLIC")
    error = refusal(as_user(postgresql_url, scheme, user))
    assert "this user may not connect to the database" in error.message
    assert error.hint == "let its owner GRANT CONNECT ON DATABASE … TO the user of the state's URL"


def test_a_user_that_may_not_log_in_is_told(postgresql_url: str, scheme: str, user: str) -> None:
    run_sql(postgresql_url, f"ALTER ROLE {user} NOLOGIN")
    for name in (user, "nobody_here"):
        error = refusal(as_user(postgresql_url, scheme, name))
        assert "the database refused the login" in error.message
        assert error.hint == "check user and password in the state's URL"


def test_a_standby_is_looked_at_and_not_written(servers_folder: Path) -> None:
    with replicated_postgresql(servers_folder / f"own-{uuid.uuid4().hex}") as (primary, standby):
        with open_state(primary.url, clock=SteppingClock(), write=True) as store:
            store.mapping("people")
        error = refusal(standby.url)
        assert "it takes no writes: it is a standby" in error.message
        assert error.hint is not None
        assert error.hint.startswith("give the URL of the primary")
        with open_state(standby.url, clock=SteppingClock(), write=False) as store:
            assert not store.writable
        both = f"{_address(standby.url)}&{_address(primary.url)}"
        url = f"postgresql://admin@/postgres?{both}&target_session_attrs=read-write"
        with open_state(url, clock=SteppingClock(), write=True) as store, store.mapping("people").lock("run"):
            pass


def test_a_server_without_a_free_connection_is_away(servers_folder: Path, scheme: str) -> None:
    """Exit 6: the next run goes on."""
    folder = servers_folder / f"own-{uuid.uuid4().hex}"
    with own_server("postgresql", folder, max_connections="6", superuser_reserved_connections="1") as server:
        run_sql(server.url, "CREATE ROLE shop LOGIN", "CREATE SCHEMA shop AUTHORIZATION shop")
        url = as_user(server.url, scheme, "shop")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        taken = [engine.connect() for _ in range(5)]
        with pytest.raises(StateAway, match="the server has no free connection") as error:
            open_state(url, clock=SteppingClock(), write=True)
        assert error.value.exit_code == 6
        for one in taken:
            one.close()
        with open_state(url, clock=SteppingClock(), write=True) as store:
            store.mapping("people")


def _address(url: str) -> str:
    found = sa.make_url(url)
    return f"host={found.host}:{found.port}"
