"""Where a server is and who logs in: sockets, IPv6, and signs in names and passwords that mean something in a URL."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from etl.errors import EtlError
from etl.source.connect import connect
from etl.source.plan import ReadLimits
from etl.state.store import open_state
from tests.servers.databases import OwnServer, own_server, unprivileged
from tests.source.clocks import FakeClock
from tests.source.drivers import require_driver
from tests.source.tables import run_sql
from tests.state.filling import SteppingClock

USER, PASSWORD = "shop%@:/?#", "canary%@:/?#&= ü€"
LOGIN = f"{quote(USER, safe='')}:{quote(PASSWORD, safe='')}"
POSTGRESQL = ("postgresql+psycopg", "postgresql+psycopg2", "postgresql+pg8000")
MYSQL = ("mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector")


@pytest.fixture(scope="module")
def postgresql(servers_folder: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server, and the folder of its socket."""
    sockets, user = servers_folder / f"s{uuid.uuid4().hex[:6]}", unprivileged()
    sockets.mkdir(parents=True)
    if user:
        os.chown(sockets, int(user["user"]), int(user["group"]))
    settings = {"unix_socket_directories": str(sockets), "listen_addresses": "127.0.0.1,::1"}
    with own_server("postgresql", servers_folder / f"own-{uuid.uuid4().hex}", **settings) as server:
        run_sql(server.url, f"CREATE ROLE \"{USER}\" LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        yield _port(server), sockets
    shutil.rmtree(sockets)


@pytest.fixture(scope="module")
def mariadb(servers_folder: Path) -> Iterator[tuple[int, Path]]:
    """The port of a server, and its socket."""
    folder = servers_folder / f"o{uuid.uuid4().hex[:6]}"
    with own_server("mariadb", folder, bind_address="127.0.0.1,::1") as server:
        with sa.create_engine(server.url, poolclass=sa.NullPool).connect() as connection:
            for host in ("127.0.0.1", "localhost", "::1"):
                user = f"'{USER}'@'{host}'"
                connection.exec_driver_sql(f"CREATE USER {user} IDENTIFIED BY '{PASSWORD}'".replace("%", "%%"))
        yield _port(server), folder / "sock"


def _port(server: OwnServer) -> int:
    return int(sa.make_url(server.url).port or 0)


@pytest.mark.parametrize("scheme", POSTGRESQL)
@pytest.mark.parametrize("way", ["address", "ipv6", "socket"])
def test_postgresql_is_read_and_keeps_a_state(postgresql: tuple[int, Path], scheme: str, way: str) -> None:
    port, sockets = postgresql
    require_driver(scheme)
    rest = {
        "address": f"@127.0.0.1:{port}/postgres",
        "ipv6": f"@[::1]:{port}/postgres",
        "socket": f"@/postgres?host={sockets}&port={port}",
    }[way]
    with closing(connect(f"{scheme}://{LOGIN}{rest}", clock=FakeClock())) as database:
        assert database.read(sa.text("SELECT current_user")).rows == [(USER,)]
        assert "canary" not in database.place
    if scheme != "postgresql+pg8000":
        with open_state(f"{scheme}://{LOGIN}{rest}", clock=SteppingClock(), write=True) as store:
            assert "canary" not in store._database.place


@pytest.mark.parametrize("scheme", MYSQL)
@pytest.mark.parametrize("way", ["address", "ipv6", "socket"])
def test_mariadb_is_read(mariadb: tuple[int, Path], scheme: str, way: str) -> None:
    port, socket = mariadb
    require_driver(scheme)
    rest = {
        "address": f"@127.0.0.1:{port}/",
        "ipv6": f"@[::1]:{port}/",
        "socket": f"@/?unix_socket={socket}",
    }[way]
    with closing(connect(f"{scheme}://{LOGIN}{rest}", clock=FakeClock())) as database:
        assert database.read(sa.text("SELECT SUBSTRING_INDEX(USER(), '@', 2)")).rows[0][0].startswith("shop%@:/?#")
        assert "canary" not in database.place


@pytest.mark.parametrize("scheme", [*POSTGRESQL, *MYSQL])
def test_a_socket_that_is_not_there_is_named(scheme: str) -> None:
    require_driver(scheme)
    option = "host" if scheme.startswith("postgresql") else "unix_socket"
    with pytest.raises(EtlError, match="there is no socket of a server at that path") as error:
        connect(
            f"{scheme}://{LOGIN}@/shop?{option}=/no/such", clock=FakeClock(), limits=ReadLimits(patient=False)
        ).close()
    assert "canary" not in error.value.message + str(error.value.hint)


@pytest.mark.parametrize("scheme", [*POSTGRESQL, *MYSQL])
def test_a_server_without_a_free_connection_is_told_and_tried_again(full: dict[str, str], scheme: str) -> None:
    require_driver(scheme)
    clock = FakeClock()
    url = sa.make_url(full["postgresql" if scheme in POSTGRESQL else "mysql"]).set(drivername=scheme)
    with pytest.raises(EtlError, match="the server has no free connection") as error:
        connect(url.render_as_string(hide_password=False), clock=clock).close()
    assert error.value.exit_code == 4
    assert len(clock.waits) == 3


@pytest.fixture(scope="module")
def full(servers_folder: Path) -> Iterator[dict[str, str]]:
    """URLs of servers all of whose connections are taken."""
    urls = {}
    settings = {"postgresql": {"max_connections": "6"}, "mysql": {"max_connections": "10"}}
    with ExitStack() as stack:
        for name, kind in (("postgresql", "postgresql"), ("mysql", "mariadb")):
            folder = servers_folder / f"own-{uuid.uuid4().hex}"
            server = stack.enter_context(own_server(kind, folder, **settings[name]))
            run_sql(server.url, "CREATE ROLE shop LOGIN" if name == "postgresql" else "CREATE USER shop@'127.0.0.1'")
            plain = sa.make_url(server.url).set(username="shop", query={})
            urls[name] = plain.set(database=plain.database if name == "postgresql" else "").render_as_string()
            engine = sa.create_engine(urls[name], poolclass=sa.NullPool)
            with suppress(sa.exc.OperationalError):
                for _ in range(20):
                    stack.enter_context(engine.connect())
        yield urls
