"""TLS: what the URL asks for is had, or the run ends; files that are missing are told from a server that is away."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from etl.errors import EtlError, SourceFailed, UsageProblem
from etl.source.connect import connect
from etl.state.store import open_state
from tests.servers.databases import OwnServer, own_server, unprivileged
from tests.source.clocks import FakeClock
from tests.source.drivers import require_driver
from tests.state.filling import SteppingClock

MYSQL = ("mysql+pymysql", "mysql+mysqldb", "mariadb+mariadbconnector")
LIBPQ = ("postgresql+psycopg", "postgresql+psycopg2")


@pytest.fixture(scope="module")
def certificates(servers_folder: Path) -> Iterator[Path]:
    """A folder with `ca.pem`, another authority's `other.pem`, and the server's `server.pem` and `server.key`."""
    folder = servers_folder / f"certificates-{uuid.uuid4().hex}"
    folder.mkdir(parents=True)
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    (folder / "server.key").chmod(0o600)
    user = unprivileged()
    if user:
        os.chown(folder / "server.key", int(user["user"]), int(user["group"]))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def mariadb(servers_folder: Path, certificates: Path) -> Iterator[OwnServer]:
    names = {"ssl_ca": "ca.pem", "ssl_cert": "server.pem", "ssl_key": "server.key"}
    settings = {name: str(certificates / file) for name, file in names.items()}
    with own_server("mariadb", servers_folder / f"own-{uuid.uuid4().hex}", **settings) as server:
        yield server


@pytest.fixture(scope="module")
def postgresql(servers_folder: Path, certificates: Path) -> Iterator[OwnServer]:
    files = {"ssl_cert_file": str(certificates / "server.pem"), "ssl_key_file": str(certificates / "server.key")}
    with own_server("postgresql", servers_folder / f"own-{uuid.uuid4().hex}", ssl="on", **files) as server:
        yield server


def url_of(server: OwnServer, scheme: str, **query: str) -> str:
    require_driver(scheme)
    return sa.make_url(server.url).set(drivername=scheme, query=query).render_as_string(hide_password=False)


def refusal(url: str) -> EtlError:
    clock = FakeClock()
    with pytest.raises(EtlError) as error:
        connect(url, clock=clock).close()
    assert clock.waits == []
    assert "reachable" not in error.value.message + str(error.value.hint)
    return error.value


@pytest.mark.parametrize("scheme", MYSQL)
def test_tls_that_was_asked_for_is_had_on_mariadb(mariadb: OwnServer, certificates: Path, scheme: str) -> None:
    with closing(connect(url_of(mariadb, scheme, ssl_ca=str(certificates / "ca.pem")), clock=FakeClock())) as database:
        rows = database.read(sa.text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).rows
        assert rows[0][1]


@pytest.mark.parametrize("scheme", ["mysql+mysqldb", "mariadb+mariadbconnector"])
@pytest.mark.parametrize("option", ["ssl_ca", "ssl_cipher", "ssl_capath"])
def test_a_server_without_tls_is_not_read_in_clear_text(
    mariadb_url: str, certificates: Path, scheme: str, option: str
) -> None:
    """MariaDB's C library goes on without, and says nothing."""
    require_driver(scheme)
    url = sa.make_url(mariadb_url).set(drivername=scheme, query={option: str(certificates / "ca.pem")})
    error = refusal(url.render_as_string(hide_password=False))
    assert isinstance(error, SourceFailed)
    assert "source.url asks for TLS, which the server does not offer" in error.message


@pytest.mark.parametrize("scheme", MYSQL)
@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("missing", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
        ("text", "holds no key or certificate"),
    ],
)
def test_a_certificate_that_cannot_be_used_is_told_on_mariadb(
    mariadb: OwnServer, tmp_path: Path, scheme: str, file: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no certificate")
    error = refusal(url_of(mariadb, scheme, ssl_ca=str(tmp_path / file)))
    assert str(tmp_path) not in error.message
    assert isinstance(error, UsageProblem)
    assert error.message == f'source.url: the file of its option "ssl_ca" {why}'


@pytest.mark.parametrize("scheme", MYSQL)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ssl_ca": "other.pem"}, "the server's certificate cannot be verified"),
        ({"ssl_ca": "ca.pem", "ssl_cert": "ca.pem", "ssl_key": "server.key"}, "missing or cannot be used"),
    ],
)
def test_certificates_that_do_not_fit_are_told_on_mariadb(
    mariadb: OwnServer, certificates: Path, scheme: str, options: dict[str, str], words: str
) -> None:
    named = {name: str(certificates / file) for name, file in options.items()}
    assert words in refusal(url_of(mariadb, scheme, **named)).message


@pytest.mark.parametrize("scheme", LIBPQ)
def test_tls_is_had_on_postgresql_for_source_and_state(postgresql: OwnServer, certificates: Path, scheme: str) -> None:
    url = url_of(postgresql, scheme, sslmode="verify-full", sslrootcert=str(certificates / "ca.pem"))
    with closing(connect(url, clock=FakeClock())) as database:
        assert database.read(sa.text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).rows == [(True,)]
    with open_state(url, clock=SteppingClock(), write=True) as store:
        store.mapping("people")


@pytest.mark.parametrize("scheme", LIBPQ)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sslrootcert": "other.pem"}, "the server's certificate cannot be verified"),
        ({"sslrootcert": "missing.pem"}, "the server's certificate cannot be verified, since there is no file"),
        ({"sslrootcert": "server.key"}, "a file with a key or certificate that {} names is missing or cannot be used"),
        (
            {"sslrootcert": "ca.pem", "sslcert": "server.pem", "sslkey": "missing.key"},
            "a file with a key or certificate that {} names is missing or cannot be used",
        ),
        (
            {"sslrootcert": "ca.pem", "sslcert": "ca.pem", "sslkey": "server.key"},
            "a file with a key or certificate that {} names is missing or cannot be used",
        ),
    ],
)
def test_what_is_wrong_with_the_files_is_told_for_source_and_state(
    postgresql: OwnServer, certificates: Path, scheme: str, options: dict[str, str], words: str
) -> None:
    named = {name: str(certificates / file) for name, file in options.items()}
    url = url_of(postgresql, scheme, sslmode="verify-full", **named)
    assert words.format("source.url") in refusal(url).message
    with pytest.raises(EtlError) as error:
        open_state(url, clock=SteppingClock(), write=True)
    assert words.format("the state's URL") in error.value.message
    assert error.value.exit_code == 8
