"""A real PgBouncer before a test's PostgreSQL: on a free loopback port, stopped by its pid."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tests.servers.databases import Unavailable, free_port, unavailable, unprivileged

START_SECONDS = 20
_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@contextlib.contextmanager
def pgbouncer(server_url: str, *, mode: str = "transaction", **settings: object) -> Iterator[str]:
    """The URL of the database of `server_url` through a pooler of its own, which pools by `mode`."""
    program = shutil.which("pgbouncer", path=_SBIN)
    if program is None:
        unavailable("pgbouncer", "Debian's pgbouncer is not installed")
        raise Unavailable
    url, port, user = sa.make_url(server_url), free_port(), unprivileged()
    # Not one of pytest's folders: those are closed to the user that it is run as.
    folder = Path(tempfile.mkdtemp(prefix="squeezely-etl-pooler-"))
    folder.chmod(0o755)
    if user:
        os.chown(folder, int(user["user"]), int(user["group"]))
    (folder / "users").write_text(f'"{url.username}" ""\n')
    lines = {
        "listen_addr": "127.0.0.1",
        "listen_port": port,
        "unix_socket_dir": "",
        "auth_type": "trust",
        "auth_file": folder / "users",
        "pool_mode": mode,
        "default_pool_size": 1,
        "query_wait_timeout": 15,
        **settings,
    }
    (folder / "ini").write_text(
        f"[databases]\n* = host={url.host} port={url.port}\n[pgbouncer]\n"
        + "".join(f"{name} = {value}\n" for name, value in lines.items())
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, folder / "ini"], stdout=log, stderr=log, cwd=folder, start_new_session=True, **user
        )
    pooled = url.set(port=port).render_as_string(hide_password=False)
    try:
        _await(pooled, process, folder / "log")
        yield pooled
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg  # noqa: PLC0415  # an extra

    # Not SQLAlchemy's: its first look at a server begins a transaction, which statement mode does not allow.
    plain = url.replace("postgresql+psycopg2://", "postgresql://").replace("postgresql+psycopg://", "postgresql://")
    for _ in range(START_SECONDS * 20):
        if process.poll() is not None:
            break
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(plain, autocommit=True):
            return
        time.sleep(0.05)
    raise AssertionError(f"PgBouncer did not start: {log.read_text(errors='replace')[-500:]}")
