"""Translates exceptions of the state's database into `StateUnusable`.

The rule: the message names the operation, the place and the cause; never a value, a password or a statement.
"""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from etl.errors import StateAway, StateRefused, StateUnusable

DAMAGED_HINT = (
    "nothing was changed; restore the file from a backup, or move it away and say with --start-from where to go on: "
    "what was sent since then is sent again"
)
# SQLite's result codes, with the extended part cut off: https://www.sqlite.org/rescode.html
_CAUSES = {
    5: ("another process has been writing for too long", "try again; `status` shows who runs"),
    6: ("a table is locked", "try again; `status` shows who runs"),
    8: ("it is read-only", "give this user the right to write the file and its folder"),
    10: ("the disk reports an error", "check the disk; then run again"),
    11: ("the file is damaged", DAMAGED_HINT),
    14: ("it cannot be opened", "check the path, its owner and its permissions"),
    23: ("access was denied", "check the path, its owner and its permissions"),
    26: ("the file is not a database", DAMAGED_HINT),
}

_REFUSALS = {
    errno.ENOSPC: ("the disk is full", "free some space; the next run goes on where it stopped"),
    errno.EDQUOT: ("this user's quota of space is used up", "free some space; the next run goes on where it stopped"),
    errno.EFBIG: (
        "this process may write no larger files",
        "raise the limit: ulimit -f, or LimitFSIZE= of the unit; the next run goes on where it stopped",
    ),
    errno.EMFILE: (
        "this process may open no more files",
        "raise the limit: ulimit -n, or LimitNOFILE= of the unit; the next run goes on where it stopped",
    ),
    errno.ENFILE: ("this host can open no more files", "end what holds so many open; the next run goes on"),
    errno.ENOLCK: ("no more locks are to be had", "is it a network folder? Keep the state on a disk of this host"),
}
# The file, its log, the log's index, and one for a moment.
_FILES_OF_SQLITE = 4


@dataclass(frozen=True, slots=True)
class DriverErrors:
    """The exceptions of a state's driver, and functions that explain them."""

    kinds: tuple[type[Exception], ...]
    explain: Callable[[Exception], tuple[str, str]]
    # Whether the server is away, so that the next run goes on without a person.
    away: Callable[[Exception], bool] = lambda _: False
    # What the operating system refused, and what to do about it; None: it refused nothing.
    refused: Callable[[Exception], tuple[str, str] | None] = lambda _: None


def explain(error: BaseException | None) -> tuple[str, str]:
    """The cause and the hint for an error of SQLite or of its files, or for an unknown one."""
    if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes the damaged schema, which is no text
        return _CAUSES[sqlite3.SQLITE_CORRUPT]
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__, "check the path, its owner and its permissions"
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _CAUSES.get(code & 0xFF, (str(getattr(error, "sqlite_errorname", "an error")), DAMAGED_HINT))
    return type(error).__name__, "check that the server can be reached and that the URL is right"


def refused(error: Exception) -> tuple[str, str] | None:
    """What the operating system refused, with a hint; None if it refused nothing. The state itself is well then.

    SQLite does not pass the system's error code on, so the limits themselves are tested.
    """
    if isinstance(error, OSError):
        return _REFUSALS.get(error.errno or 0)
    whole_code = getattr(error, "sqlite_errorcode", 0)
    code = whole_code & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return _REFUSALS[errno.ENOSPC]
    if code == sqlite3.SQLITE_IOERR and resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return _REFUSALS[errno.EFBIG]
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
        try:
            # Tests whether as many descriptors are left as SQLite needs.
            free = [os.open(os.devnull, os.O_RDONLY) for _ in range(_FILES_OF_SQLITE)]
        except OSError as none_left:
            return _REFUSALS.get(none_left.errno or 0)
        for descriptor in free:
            os.close(descriptor)
    # The log's index could not grow; SQLite does not report that as a full disk.
    return _REFUSALS[errno.ENOSPC] if whole_code == sqlite3.SQLITE_IOERR_SHMSIZE else None


FILE_ERRORS: Final = DriverErrors((sqlite3.Error, OSError, UnicodeDecodeError), explain, refused=refused)


@contextmanager
def told_as_state(operation: str, place: str, errors: DriverErrors = FILE_ERRORS) -> Iterator[None]:
    """Turn the database's errors within it into `StateUnusable`: `cannot <operation> the state <place>: <cause>`.

    `StateAway` if the server cannot be reached, `StateRefused` if the operating system refuses something.
    """
    try:
        yield
    except errors.kinds as error:
        kind = StateAway if errors.away(error) else StateUnusable
        found = errors.refused(error)
        if found is not None:
            kind = StateRefused
        cause, hint = found or errors.explain(error)
        raise kind(f"cannot {operation} the state {place}: {cause}", hint=hint) from error


def seal(hash_key: bytes, *parts: object) -> bytes:
    """The seal of a row's `parts` (texts, numbers, bytes, None), 8 bytes."""
    return blake2b(repr(parts).encode(), digest_size=8, key=hash_key, person=b"state row").digest()


def check_seal(hash_key: bytes, found: object, *parts: object, what: str, place: str) -> None:
    """Raise `StateUnusable` when a row's seal is not that of its parts."""
    if bytes(found) != seal(hash_key, *parts):  # type: ignore[call-overload]  # bytes or memoryview
        raise StateUnusable(
            f"{what} in the state {place} is damaged or was changed by hand",
            hint=DAMAGED_HINT + "; `state set` moves a checkpoint properly",
        )
