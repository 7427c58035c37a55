"""Makes, checks and opens a state in one SQLite file, for writing or for looking only.

The rule: a file that is not a complete state is refused and left as it is, never made anew (D3); and looking changes no
byte and makes no file (D21).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from etl.clock import Clock
from etl.errors import StateUnusable
from etl.state.database import Connection, Database
from etl.state.safe_file import check_file, check_folder, make_folder, open_private
from etl.state.schema import APPLICATION_ID, SMALL_TABLES, refuse_newer
from etl.state.still_there import state_still_there
from etl.state.trouble import DAMAGED_HINT, FILE_ERRORS, told_as_state

BUSY_SECONDS = 10.0
CACHE_KIB = 8 * 1024
WAL_BYTES = 64 * 1024 * 1024
PAGE_BYTES = 4096
_MAGIC = b"SQLite format 3\x00"
_WAL_VERSION = 2
_WAL_HEADER_BYTES = 32
_MODE_WAIT_SECONDS = 0.01
_LOOKS = 5


def memory(place: str) -> Database:
    """An empty database for looking at the state at `place`, which does not exist."""
    # One connection for both, because a database in memory belongs to its connection.
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    return _database(lambda: connection, place=place, writable=True)


def for_looking(path: Path, temporary: Callable[[Path], None]) -> Database | None:
    """The state at `path`, opened so that nothing changes; None when there is none.

    If a temporary folder is needed, `temporary` is called with it; the caller removes it at the end. Raises
    `StateUnusable`.
    """
    if check_file(path) is None:
        return None
    _check_files_beside(path)
    check_header(path)
    readable = path
    if _wants_repair(path):
        # A backup of a live state, or a kill at the very beginning or end: SQLite would repair the file, so it gets a
        # copy.
        folder = Path(tempfile.mkdtemp(prefix="squeezely-etl-"))
        temporary(folder)
        readable = folder / "state.sqlite"
        with told_as_state("read", str(path)):
            shutil.copyfile(path, readable)
            for ending in ("-wal", "-journal"):
                if _beside(path, ending).exists():
                    shutil.copyfile(_beside(path, ending), _beside(readable, ending))
    # readonly_shm: a live writer's shared memory is only read. Without a writer the file is not in WAL mode (see
    # `at_rest`), so no shared memory has to be made.
    uri = f"{readable.absolute().as_uri()}?mode=ro&readonly_shm=1" if readable is path else readable.as_uri()
    with told_as_state("open", str(path)):
        database = _database(partial(_connect, uri, ()), place=str(path), writable=False)
    return _checked(database)


def for_writing(path: Path, clock: Clock) -> Database:
    """The state at `path`, which exists. Raises `StateUnusable`, also when it cannot really be written (D6)."""
    check_file(path)
    _check_files_beside(path)
    check_header(path)
    with told_as_state("open", str(path)):
        if path.stat().st_uid == os.geteuid():
            path.chmod(0o600)
        uri = f"{path.absolute().as_uri()}?mode=rw"
        # WAL with NORMAL loses nothing when the process ends, however it ends. After a loss of power the state may be
        # an older consistent one, which costs only repeats. FULL would wait for the disk at each commit.
        pragmas = ("synchronous = NORMAL", f"wal_autocheckpoint = {WAL_BYTES // PAGE_BYTES}")
        confirm = partial(state_still_there, path, path.lstat())
        connect = partial(_connect, uri, pragmas, enter_wal=clock)
        database = _database(connect, place=str(path), writable=True, confirm=confirm)
    return _checked(database)


def at_rest() -> tuple[str, ...]:
    """The statements of the last writer before it closes the file: they remove the log and the shared memory.

    They fail, harmlessly, while another process has the state open.
    """
    return ("PRAGMA busy_timeout = 0", "PRAGMA journal_mode = DELETE")


def create(path: Path, fill: Callable[[Database], None]) -> None:
    """Create the state `path` under a temporary name, then rename it, so that a kill leaves no half-made state.

    `fill` makes the tables. Raises `StateUnusable`.
    """
    make_folder(path.parent)
    new = path.with_name(path.name + ".new")
    with told_as_state("make", str(path)):
        for leftover in (new, _beside(new, "-journal")):
            leftover.unlink(missing_ok=True)
        os.close(open_private(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        pragmas = (f"page_size = {PAGE_BYTES}", "synchronous = FULL")
        connect = partial(_connect, f"{new.absolute().as_uri()}?mode=rw", pragmas)
        database = _database(connect, place=str(path), writable=True)
        try:
            fill(database)
        finally:
            database.close()
        if check_file(path) is None:
            new.rename(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def check_header(path: Path) -> None:
    """Raise `StateUnusable` for a file that is clearly no complete state, before SQLite touches it."""
    with told_as_state("read", str(path)):
        # Checked before the file: the last writer moves the log into the file and removes the log.
        logged = _is_filled(_beside(path, "-wal"))
        descriptor = open_private(path, os.O_RDONLY)
        with os.fdopen(descriptor, "rb") as file:
            header = file.read(100)
            size = os.fstat(descriptor).st_size
    if len(header) < 100 or not header.startswith(_MAGIC):
        what = "is empty" if not size else "is not a state file"
        raise StateUnusable(f"the state {path} {what}", hint=DAMAGED_HINT)
    if int.from_bytes(header[68:72]) != APPLICATION_ID:
        raise StateUnusable(
            f"{path} is a SQLite database of another program", hint="give the path of a state, or of a file to be made"
        )
    refuse_newer(int.from_bytes(header[60:64]), str(path))
    page_bytes = int.from_bytes(header[16:18]) or 65536
    if logged:
        _refuse_foreign_log(path)
    if not logged and size != int.from_bytes(header[28:32]) * page_bytes:
        raise StateUnusable(f"the state {path} is cut off or has grown: it is damaged", hint=DAMAGED_HINT)


def _refuse_foreign_log(path: Path) -> None:
    """Raise `StateUnusable` if a log lies beside a state that was at rest when it was saved: a copy put back later.

    SQLite would apply the log to it, page by page, and take letters and ledger entries of two moments for one state. A
    writer that opens or closes the state meanwhile looks the same for an instant, so this waits and looks again.
    """
    log = _beside(path, "-wal")
    for _ in range(_LOOKS):
        with told_as_state("read", str(path)):
            if _is_wal(path) or not _is_filled(log):
                return
        time.sleep(_MODE_WAIT_SECONDS)
    raise StateUnusable(
        f"the log {log} belongs to another state than {path}: a run that was killed left it, and this state was put "
        "there since",
        hint=f"nothing was changed; move the log away, and {path.name}-shm with it, then run again: what was sent "
        "since this state was saved may be sent again",
    )


def _check_files_beside(path: Path) -> None:
    """Refuse files beside the state that others could have put there: SQLite would apply them to the state."""
    check_folder(path.parent)
    for ending in ("-journal", "-wal", "-shm"):
        check_file(_beside(path, ending))


def version(database: Database) -> int:
    """The version of an opened state."""
    return int(database.rows("PRAGMA user_version")[0][0])


def _checked(database: Database) -> Database:
    # Reads every page of the small tables; their rows have seals as well.
    try:
        damaged = [
            table
            for table in SMALL_TABLES
            if [tuple(row) for row in database.rows(f"PRAGMA quick_check({table})")] != [("ok",)]
        ]
    except BaseException:
        database.close()
        raise
    if damaged:
        database.close()
        raise StateUnusable(f"the state {database.place} is damaged in {', '.join(damaged)}", hint=DAMAGED_HINT)
    return database


class _FileConnection:
    """A connection of SQLite's driver that uses one cursor for all statements.

    Each new cursor would leave a reference in the connection, freed two hundred at a time; between the values of pages
    these references fragment the heap.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: Final = connection
        self._cursor: Final = connection.cursor()
        self.execute: Final = self._cursor.execute
        self.executemany: Final = self._cursor.executemany

    def close(self) -> None:
        # Closed first: an open cursor keeps the file open, and its locks.
        self._cursor.close()
        self._connection.close()


def _database(
    connect: Callable[[], Connection], *, place: str, writable: bool, confirm: Callable[[], None] = lambda: None
) -> Database:
    return Database(connect, place=place, writable=writable, postgresql=False, errors=FILE_ERRORS, confirm=confirm)


def _connect(uri: str, pragmas: tuple[str, ...], *, enter_wal: Clock | None = None) -> _FileConnection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        # The first statement on every connection: once it has the log open, no other process can remove the log
        # (`at_rest`).
        if enter_wal is not None:
            _enter_wal(connection, enter_wal)
        # A cache of fixed size, because memory must not grow with the ledger. A larger one makes lookups of scattered
        # keys slower (16 MiB: 4.6 us each instead of 3.9), because each commit of the other connection empties the
        # reader's cache, page by page. trusted_schema: the file is data, not code.
        for pragma in (*pragmas, f"cache_size = -{CACHE_KIB}", "temp_store = MEMORY", "trusted_schema = OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return _FileConnection(connection)


def _enter_wal(connection: sqlite3.Connection, clock: Clock) -> None:
    # SQLite ignores its time-out here when two processes change the mode at once, so this retries.
    deadline = clock.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or clock.monotonic() >= deadline:
                raise
            clock.wait(_MODE_WAIT_SECONDS)
        else:
            return


def _wants_repair(path: Path) -> bool:
    if _beside(path, "-journal").exists():
        return True
    if not _is_wal(path):
        return False
    log = _beside(path, "-wal")
    # A log that ends within its header: a reader without write access would give up on it only after ten seconds.
    cut_off = log.exists() and 0 < log.stat().st_size <= _WAL_HEADER_BYTES
    return cut_off or not _beside(path, "-shm").exists()


def _is_wal(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(20)[18:20] == bytes((_WAL_VERSION, _WAL_VERSION))


def _is_filled(log: Path) -> bool:
    try:
        return log.stat().st_size > 0
    except FileNotFoundError:
        return False


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def remove_folder(folder: Path) -> None:
    """Remove a temporary folder."""
    with suppress(OSError):
        shutil.rmtree(folder)
