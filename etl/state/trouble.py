"""Foreign exceptions of the state's database become `StateUnusable`, once.

The rule: the message names the operation, the place and the cause; never a value, a password or a statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from etl.errors import StateUnusable

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
    13: ("the disk is full", "free some space; then run again: it goes on where it stopped"),
    14: ("it cannot be opened", "check the path, its owner and its permissions"),
    23: ("access was denied", "check the path, its owner and its permissions"),
    26: ("the file is not a database", DAMAGED_HINT),
}


@dataclass(frozen=True, slots=True)
class DriverErrors:
    """What a state's driver raises: the classes, and what tells of one error its cause and what to do next."""

    kinds: tuple[type[Exception], ...]
    explain: Callable[[Exception], tuple[str, str]]


def explain(error: BaseException | None) -> tuple[str, str]:
    """The cause and the hint for an error of SQLite, of the files beside it, or of nothing that is known better."""
    if isinstance(error, UnicodeDecodeError):  # SQLite quotes the damaged schema in its message, and Python reads it
        return _CAUSES[sqlite3.SQLITE_CORRUPT]
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__, "check the path, its owner and its permissions"
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return _CAUSES.get(code & 0xFF, (str(getattr(error, "sqlite_errorname", "an error")), DAMAGED_HINT))
    return type(error).__name__, "check that the server can be reached and that the URL is right"


FILE_ERRORS: Final = DriverErrors((sqlite3.Error, OSError, UnicodeDecodeError), explain)


@contextmanager
def told_as_state(operation: str, place: str, errors: DriverErrors = FILE_ERRORS) -> Iterator[None]:
    """Turn the database's errors inside into `StateUnusable`: `cannot <operation> the state <place>: <cause>`."""
    try:
        yield
    except errors.kinds as error:
        cause, hint = errors.explain(error)
        raise StateUnusable(f"cannot {operation} the state {place}: {cause}", hint=hint) from error
