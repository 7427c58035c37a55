"""Foreign exceptions of the state's database become `StateUnusable`, once.

The rule: the message names the operation, the place and the cause; never a value, a password or a statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from etl.errors import StateUnusable

DAMAGED_HINT = (
    "nothing was changed; restore the file from a backup, or move it away and say with --start-from where to go on: "
    "what was sent since then is sent again"
)
LOST_HINT = (
    "the lock on the mapping went with it, so another run may have begun, and this one wrote nothing more; "
    "run again: it goes on where it stopped"
)
# SQLite's result codes, with the extended part cut off: https://www.sqlite.org/rescode.html
_CAUSES = {
    5: ("another process has been writing for too long", "try again; `status` shows who runs"),
    6: ("a table is locked", "try again; `status` shows who runs"),
    8: ("it is read-only", "give this user the right to write the file and its folder"),
    10: ("the disk reports an error", "check the disk; then run again"),
    11: ("the file is damaged", DAMAGED_HINT),
    13: ("the disk is full", "free some space; then run again: it goes on where it stopped"),
    14: ("it cannot be opened", "check the path, its owner and its permissions"),
    23: ("access was denied", "check the path, its owner and its permissions"),
    26: ("the file is not a database", DAMAGED_HINT),
}


@contextmanager
def told_as_state(operation: str, place: str) -> Iterator[None]:
    """Turn the database's errors inside into `StateUnusable`: `cannot <operation> the state <place>: <cause>`."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError, UnicodeDecodeError) as error:
        cause, hint = _cause(error)
        raise StateUnusable(f"cannot {operation} the state {place}: {cause}", hint=hint) from error


def _cause(error: Exception) -> tuple[str, str]:
    if isinstance(error, UnicodeDecodeError):  # SQLite quotes the damaged schema in its message, and Python reads it
        return _CAUSES[sqlite3.SQLITE_CORRUPT]
    origin = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    # Once lost, it is not made anew: the lock on the mapping was its, and another run may have begun.
    if isinstance(error, sa.exc.PendingRollbackError) or (
        isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    ):
        return "the connection to it was lost", LOST_HINT
    if isinstance(origin, OSError):
        return origin.strerror or type(origin).__name__, "check the path, its owner and its permissions"
    code = getattr(origin, "sqlite_errorcode", None)
    if code is not None:
        return _CAUSES.get(code & 0xFF, (str(getattr(origin, "sqlite_errorname", "an error")), DAMAGED_HINT))
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        return f"the server says {type(origin).__name__} ({state})", "check the server and this user's rights"
    return f"{type(origin).__name__}", "check that the server can be reached and that the URL is right"
