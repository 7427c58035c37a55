"""URLs that lead nowhere: each mistake is told apart, with host and port, and without a secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import EtlError, SourceFailed, UsageProblem
from etl.page import Window
from etl.source.connect import connect, place_of
from etl.source.plan import ReadLimits
from tests.source.clocks import FakeClock
from tests.source.drivers import SCHEMES, require_driver
from tests.source.tables import opened, rows_of, run_sql


@pytest.fixture(params=SCHEMES)
def server_url(request: pytest.FixtureRequest) -> sa.URL:
    """A real server by each driver that reads it."""
    scheme: str = request.param
    require_driver(scheme)
    server = "postgresql" if scheme.startswith("postgresql") else "mariadb"
    url = sa.make_url(request.getfixturevalue(f"{server}_url"))
    return url.set(drivername=scheme, query={})


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def refusal(url: sa.URL | str, **limits: int) -> EtlError:
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    with pytest.raises(EtlError) as error:
        connect(text, clock=FakeClock(), limits=ReadLimits(patient=False, **limits)).close()
    assert "canary" not in error.value.message + str(error.value.hint)
    return error.value


def test_an_unknown_host_is_named(server_url: sa.URL) -> None:
    error = refusal(server_url.set(host="db.shop.invalid", username="u", password="canary"))
    backend = server_url.get_backend_name()
    assert error.message.startswith(
        f"could not connect to {backend}://db.shop.invalid:{server_url.port}/{server_url.database}: "
        "the host name is not known"
    )
    assert error.hint == "check the host in source.url, and this machine's DNS"


def test_a_port_that_nothing_listens_on_is_named(server_url: sa.URL) -> None:
    error = refusal(server_url.set(port=1, username="u", password="canary"))
    assert ":1/" in error.message
    assert "nothing listens on that port (connection refused)" in error.message


def test_silence_is_told_from_a_refusal(server_url: sa.URL, silent_port: int) -> None:
    # A statement may take long; the greeting of a server may not.
    error = refusal(server_url.set(port=silent_port), connect_seconds=2, statement_seconds=600)
    assert f":{silent_port}/" in error.message
    assert "no answer in time" in error.message


def test_a_statement_may_be_silent_for_longer_than_a_connection(server_url: sa.URL) -> None:
    slow = "pg_sleep(1.5)::text" if server_url.get_backend_name() == "postgresql" else "SLEEP(1.5)"
    limits = ReadLimits(connect_seconds=1, statement_seconds=30)
    with closing(connect(server_url.render_as_string(hide_password=False), clock=FakeClock(), limits=limits)) as found:
        assert len(found.read(sa.text(f"SELECT {slow}")).rows) == 1


def test_tls_that_the_server_does_not_have_is_told_as_such(server_url: sa.URL, tmp_path: Path) -> None:
    asked = {
        "postgresql+psycopg": {"sslmode": "require"},
        "postgresql+psycopg2": {"sslmode": "require"},
        "mysql+pymysql": {"ssl_verify_cert": "true", "ssl_ca": str(_certificate(tmp_path))},
        "mariadb+mariadbconnector": {"ssl_ca": str(_certificate(tmp_path)), "ssl_verify_cert": "true"},
    }.get(server_url.drivername)
    if asked is None:
        return  # pg8000 takes its TLS as an object, which no URL can hold; mysqlclient goes on without TLS
    error = refusal(server_url.set(query=asked))
    assert isinstance(error, SourceFailed)
    assert "source.url asks for TLS, which the server does not offer" in error.message


def test_an_unknown_database_is_told_from_a_wrong_password(server_url: sa.URL) -> None:
    missing = refusal(server_url.set(database="no_such_database"))
    assert "the server has no database of that name" in missing.message
    assert missing.hint == "check the database's name in source.url"
    login = refusal(server_url.set(username="nobody_here", password="canary"))
    assert "the database refused the login" in login.message
    assert login.hint == "check user and password in source.url"


def test_an_unknown_option_is_a_mistake_in_the_url(server_url: sa.URL) -> None:
    """Exit 2: no later run gets in with it."""
    error = refusal(server_url.set(query={"sslmdoe": "require"}))
    assert isinstance(error, UsageProblem)
    driver = server_url.drivername.partition("+")[2]
    assert error.message == f'source.url has an option "sslmdoe" that the driver {driver} does not take'


def test_what_may_be_the_end_of_a_password_is_not_shown() -> None:
    """An unescaped @ makes the rest of the password the host."""
    error = refusal("postgresql://u:p@ss-canary@127.0.0.1:1/shop")
    assert isinstance(error, UsageProblem)
    assert error.message == "source.url has an @ too many, so that it is not clear where its password ends"
    assert "%40" in str(error.hint)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:p@db/shop", "postgresql://db:5432/shop"),
        ("postgres://u:p@db:5432/shop", "postgresql://db:5432/shop"),
        ("postgresql+psycopg2:///shop?host=db&port=6432", "postgresql://db:6432/shop"),
        ("postgresql:///shop?host=db:6432", "postgresql://db:6432/shop"),
        ("postgresql:///shop?host=/run/postgresql", "postgresql:///run/postgresql/shop"),
        ("postgresql:///shop?host=a:1&host=b:2", "postgresql://a:1,b:2/shop"),
        ("mysql://u:p@/shop?host=db&port=3307&charset=latin1", "mysql://db:3307/shop"),
        ("mysql+pymysql://u@/shop?unix_socket=/run/mysqld.sock", "mysql:///run/mysqld.sock/shop"),
        ("mariadb://u:p@db/shop", "mariadb://db:3306/shop"),
        ("postgresql://u:p@[::1]:5433/shop", "postgresql://[::1]:5433/shop"),
        ("mysql:///shop?host=[fe80::1]:3307", "mysql://[fe80::1]:3307/shop"),
    ],
)
def test_the_place_is_the_same_however_a_url_spells_it(url: str, place: str) -> None:
    """It is a part of the fingerprint: host and port count also in the query part."""
    assert place_of(sa.make_url(url)) == place


def test_host_and_port_may_stand_in_the_query_part(server_url: sa.URL) -> None:
    moved = sa.URL.create(
        server_url.drivername,
        username=server_url.username,
        database=server_url.database,
        query={"host": str(server_url.host), "port": str(server_url.port), "charset": "utf8"},
    )
    database = connect(moved.render_as_string(hide_password=False), clock=FakeClock())
    assert database.place == place_of(server_url)
    database.close()


PIP = f"{sys.executable} -m pip install"


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        (
            "postgresql+asyncpg://host/db",
            "source.url names the driver asyncpg, which does not read here; psycopg, psycopg2 and pg8000 do",
            "write postgresql+psycopg://…, whose driver is installed",
        ),
        (
            "mysql+mysqlconnector://host/db",
            (
                "source.url names the driver mysqlconnector, which does not read here; "
                "pymysql, mysqldb and mariadbconnector do"
            ),
            "write mysql+pymysql://…, whose driver is installed",
        ),
        (
            "postgress://host/db",
            'no dialect for postgress databases is installed; did you mean "postgresql"?',
            "write postgresql://…",
        ),
        (
            "mssql://host/db",
            "no driver for mssql+pyodbc databases is installed",
            f"{PIP} pyodbc; it also needs apt-get install unixodbc, and Microsoft's ODBC driver",
        ),
        ("oracle://host/db", "no driver for oracle+oracledb databases is installed", f"{PIP} oracledb"),
    ],
)
def test_a_driver_that_cannot_read_or_is_missing_is_named(url: str, message: str, hint: str) -> None:
    """In a process that has neither pyodbc nor oracledb, whatever this machine has."""
    assert _in_a_process(url) == [message, hint]


@pytest.mark.parametrize(
    ("module", "words", "url", "message", "hint"),
    [
        (
            "pyodbc",
            "libodbc.so.2: cannot open shared object file: No such file or directory",
            "mssql+pyodbc://host/db",
            "the driver pyodbc is installed, but the system's library libodbc.so.2 that it needs is not",
            "apt-get install unixodbc",
        ),
        (
            "MySQLdb",
            "libmariadb.so.3: cannot open shared object file: No such file or directory",
            "mysql+mysqldb://host/db",
            "the driver mysqldb is installed, but the system's library libmariadb.so.3 that it needs is not",
            "apt-get install libmariadb3",
        ),
        (
            "psycopg",
            "no pq wrapper available.",
            "postgresql+psycopg://host/db",
            "the driver psycopg is installed, but the system's library libpq that it needs is not",
            f"{PIP} 'psycopg[binary]', or apt-get install libpq5",
        ),
    ],
)
def test_a_half_installed_driver_names_what_the_system_lacks(  # noqa: PLR0917
    tmp_path: Path, module: str, words: str, url: str, message: str, hint: str
) -> None:
    """A package whose library is not there fails like this when it is imported."""
    (tmp_path / f"{module}.py").write_text(f"raise ImportError({words!r})")
    assert _in_a_process(url, tmp_path) == [message, hint]


@pytest.mark.parametrize(
    ("url", "missing", "hint"),
    [
        ("postgresql+psycopg2://host/db", ("psycopg2",), "write postgresql+psycopg://…, whose driver is installed"),
        ("mysql+mysqldb://host/db", ("MySQLdb",), "write mysql+pymysql://…, whose driver is installed"),
        ("mariadb+mysqldb://host/db", ("MySQLdb",), "write mariadb+pymysql://…, whose driver is installed"),
        ("postgressql://host/db", (), "write postgresql://…"),
        ("postgresql://host/db", ("psycopg", "psycopg2", "pg8000"), f"{PIP} 'psycopg[binary]'"),
        ("postgresql+psycopg2://host/db", ("psycopg", "psycopg2", "pg8000"),
         f"write postgresql+psycopg://…, and {PIP} 'psycopg[binary]'"),
        ("mysql://host/db", ("pymysql", "MySQLdb", "mariadb"), f"{PIP} pymysql"),
        ("duckdb:////etc/hostname", ("duckdb", "duckdb_sqlalchemy"), f"{PIP} duckdb-sqlalchemy"),
    ],
)  # fmt: skip
def test_every_hint_leads_to_a_url_or_a_package_that_works(url: str, missing: tuple[str, ...], hint: str) -> None:
    """The package stands in no index, so none of its extras can be installed by name."""
    message, said = _in_a_process(url, hidden=missing)
    assert "installed" in message
    assert said == hint


def _in_a_process(url: str, *first: Path, hidden: tuple[str, ...] = ("pyodbc", "oracledb")) -> list[str]:
    code = f"""
import sys
sys.path[:0] = {[str(one) for one in first]!r}
for name in {hidden!r}:
    if not {bool(first)}:
        sys.modules[name] = None
from etl.errors import UsageProblem
from etl.host.system_clock import SystemClock
from etl.source.connect import connect
try:
    connect({url!r}, clock=SystemClock())
except UsageProblem as error:
    print(error.message, error.hint, sep="\\n")
"""
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"]},
    )
    return ended.stdout.splitlines()


def _certificate(folder: Path) -> Path:
    import trustme  # noqa: PLC0415

    path = folder / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


@pytest.fixture(params=["mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector"])
def mariadb_by(request: pytest.FixtureRequest, mariadb_url: str) -> sa.URL:
    """MariaDB by each of its drivers."""
    scheme: str = request.param
    require_driver(scheme)
    return sa.make_url(mariadb_url).set(drivername=scheme, query={})


def test_a_login_that_the_driver_cannot_do_is_named(mariadb_by: sa.URL) -> None:
    """Without PyNaCl PyMySQL has no ed25519; the C libraries bring a plug-in along, or name what they lack."""
    url = mariadb_by.set(drivername="mysql+pymysql").render_as_string(hide_password=False)
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        known = "SELECT count(*) FROM information_schema.plugins WHERE plugin_name = 'ed25519'"
        if not connection.exec_driver_sql(known).scalar_one():
            connection.exec_driver_sql("INSTALL SONAME 'auth_ed25519'")
    run_sql(
        url,
        "CREATE OR REPLACE USER modern@127.0.0.1 IDENTIFIED VIA ed25519 USING PASSWORD('canary')",
        f"GRANT SELECT ON {mariadb_by.database}.* TO modern@127.0.0.1",
    )
    login = mariadb_by.set(username="modern", password="canary").render_as_string(hide_password=False)
    try:
        connect(login, clock=FakeClock(), limits=ReadLimits(patient=False)).close()
    except SourceFailed as error:
        assert "this user logs in by a method that the driver cannot do" in error.message  # noqa: PT017
        assert "ed25519" in error.message or "pynacl" in error.message  # noqa: PT017
        assert "canary" not in error.message + str(error.hint)  # noqa: PT017
    run_sql(url, "DROP USER modern@127.0.0.1")


def test_a_database_that_keeps_bytes_without_an_encoding_is_read_as_utf_8(postgresql_url: str) -> None:
    """SQL_ASCII: without our own client_encoding the drivers give bytes, or think in ASCII."""
    name = "plain_bytes"
    run_sql(postgresql_url, f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    plain = sa.make_url(postgresql_url).set(database=name)
    try:
        made = plain.update_query_dict({"client_encoding": "utf8"}).render_as_string(hide_password=False)
        run_sql(made, "CREATE TABLE t (id integer PRIMARY KEY, t text)", "INSERT INTO t VALUES (1, 'Zoë €')")
        for scheme in SCHEMES[:3]:
            require_driver(scheme)
            with opened(plain.set(drivername=scheme).render_as_string(hide_password=False), columns=("t",)) as source:
                assert rows_of(source.pages(Window())) == [(1, "Zoë €")]
    finally:
        run_sql(postgresql_url, f"DROP DATABASE {name} WITH (FORCE)")


def test_a_source_that_cannot_be_opened_leaves_no_connection_behind(postgresql_url: str) -> None:
    """Also while its error is still being told; a server has few places for connections."""
    with pytest.raises(EtlError) as error, opened(postgresql_url, table="missing"):
        pass
    with sa.create_engine(postgresql_url, poolclass=sa.NullPool).connect() as connection:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.exec_driver_sql(sql).scalar() == 0
    assert error.value.exit_code == 2


def test_a_server_is_another_process_and_a_file_is_none(sqlite_url: str, postgresql_url: str) -> None:
    """So that a run reads ahead while the server works."""
    for url, remote in ((sqlite_url, False), (postgresql_url, True)):
        run_sql(url, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
        with opened(url) as source:
            assert source.remote is remote
