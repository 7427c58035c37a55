"""What the workers of one session of tests share: a folder, locks in it, and the first data of database servers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# The session of tests that this process belongs to; its workers and children inherit it.
SESSION = "SQUEEZELY_ETL_TEST_SESSION"


def session_folder() -> Path:
    """The folder of this session; it is made and removed by `tests/conftest.py`."""
    return Path(tempfile.gettempdir()) / f"squeezely-etl-tests-{os.environ[SESSION]}"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_data(write: Callable[[Path], None], kind: str, folder: Path) -> None:
    """Have `write` make the first data of a server in `folder`, once a session; every other server gets a copy."""
    if SESSION not in os.environ:
        write(folder / "data")
        return
    written = session_folder() / f"{kind}-data"
    with locked(session_folder() / f"{kind}-data.lock"):
        if not written.exists():
            write(folder / "data")
            _copy(folder / "data", written)
            return
    _copy(written, folder / "data")


def _copy(source: Path, target: Path) -> None:
    # Owners and modes are kept: the servers ask for both.
    subprocess.run(["cp", "-a", source, target], check=True)
