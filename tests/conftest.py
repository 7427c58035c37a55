"""Databases that every test may ask for: a fresh, empty one a test, on real servers."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
import trustme
from hypothesis import HealthCheck, settings

from tests.servers.dask import Cluster, dask_cluster
from tests.servers.databases import Server, committing, shared_server, stop_servers
from tests.servers.ports import give_none_twice
from tests.servers.session import SESSION, session_folder

# One for all: how long an example takes says more of the machine than of the code. In CI each run tries the same ones;
# elsewhere each tries others.
settings.register_profile(
    "suite", deadline=None, derandomize="CI" in os.environ, suppress_health_check=list(HealthCheck)
)
settings.load_profile("suite")

SHARED_MEMORY = Path("/dev/shm")
ROOM_BYTES = 8 << 30
_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Name the session before its workers start: they inherit the name."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        begin_session(uuid.uuid4().hex)
    give_none_twice(os.environ[SESSION])


def begin_session(name: str) -> None:
    """Make the folder of a session of tests that is called `name`, and what makes its tests quicker."""
    os.environ[SESSION] = name
    if "TMPDIR" not in os.environ and _has_room(SHARED_MEMORY):
        # Thousands of tests wait for the disk at each commit; that a file is synced is no test's to prove.
        os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)
    session_folder().mkdir(mode=0o755)
    # PyMySQL reads all authorities anew for each connection: one takes a hundredth of the system's time.
    authority = session_folder() / "authority.pem"
    trustme.CA().cert_pem.write_to_path(str(authority))
    os.environ["SSL_CERT_FILE"] = str(authority)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers when the whole session is over, whatever became of its workers."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        stop_servers(session_folder())


@pytest.fixture(scope="session")
def servers_folder() -> Path:
    """A folder that all workers of the session share.

    Not one of pytest's: those are closed to other users, and later sessions tidy them away under a running server.
    """
    return session_folder()


@pytest.fixture(scope="session")
def postgresql_server(servers_folder: Path) -> Iterator[Server]:
    """A PostgreSQL server with nothing of ours in it."""
    with shared_server("postgresql", servers_folder / _worker()) as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server(servers_folder: Path) -> Iterator[Server]:
    """A MariaDB server with nothing of ours in it."""
    with shared_server("mariadb", servers_folder / _worker()) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Dask scheduler and two workers, which tests leave as they found them.

    Not for the session: one that does nothing takes an eighth of a processor, and starts within 3 seconds of one.
    """
    with dask_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an empty SQLite file."""
    path = tmp_path / "source.sqlite"
    path.touch()
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped after the test."""
    yield from _fresh_database(
        postgresql_server, "CREATE DATABASE {} STRATEGY FILE_COPY", "DROP DATABASE {} WITH (FORCE)"
    )


@pytest.fixture
def mariadb_url(mariadb_server: Server) -> Iterator[str]:
    """The URL of an empty MariaDB database, dropped after the test."""
    yield from _fresh_database(mariadb_server, "CREATE DATABASE {}", "DROP DATABASE {}")


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once for each sort."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


def _has_room(folder: Path) -> bool:
    if not folder.is_dir() or os.statvfs(folder).f_flag & os.ST_NOEXEC:
        return False
    return min(shutil.disk_usage(folder).free, psutil.virtual_memory().available) > ROOM_BYTES


def _worker() -> str:
    # A server of its own: a transaction that one test leaves open for long holds back what another's run may read.
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")


def _fresh_database(server: Server, create: str, drop: str) -> Iterator[str]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw")
    name = f"test_{worker}_{os.getpid()}_{next(_numbers)}"
    engine = committing(server.url)
    with engine.connect() as connection:
        connection.execute(sa.text(create.format(name)))
    yield sa.make_url(server.url).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(drop.format(name)))
