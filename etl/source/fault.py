"""What a driver's exception means for the reading: one word from a closed list, decided in one place.

A driver's text may quote values of a row or the password, so only the class, the code and words of our own leave here.
"""

from __future__ import annotations

import re
from enum import Enum, auto

import sqlalchemy.exc


class Fault(Enum):
    """What went wrong, by what can be done about it."""

    LOST = auto()  # the connection is gone or could not be made: reconnect and read again
    BUSY = auto()  # a lock or statement time-out, a deadlock, a replica's conflict: read again, less at once
    UNDECODABLE = auto()  # a value that cannot be decoded: find its row
    LOGIN = auto()  # user, password or database refused: nobody gets in by trying again
    DENIED = auto()  # no privilege on the table
    MISSING = auto()  # the table or a column is not there
    OTHER = auto()  # anything else that the database says


class DatabaseFault(Exception):
    """A failed statement. `fault` decides what to do, `words` are printable: no value, no secret."""

    def __init__(self, fault: Fault, words: str) -> None:
        super().__init__(words)
        self.fault = fault
        self.words = words


def fault_of(error: BaseException, *, dialect: str) -> DatabaseFault:
    """The meaning of `error`, raised by SQLAlchemy or by the driver of `dialect` itself."""
    lost = False
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        lost = error.connection_invalidated
        error = error.orig if error.orig is not None else error
    match dialect:
        case "sqlite":
            fault, code = _sqlite(error)
        case "postgresql":
            fault, code = _postgresql(error)
        case "mysql" | "mariadb":
            fault, code = _mysql(error)
        case _:
            fault, code = Fault.OTHER, ""
    if fault is Fault.OTHER and lost:
        fault = Fault.LOST
    if fault is Fault.OTHER and isinstance(error, UnicodeDecodeError | OverflowError):
        fault = Fault.UNDECODABLE
    name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
    return DatabaseFault(fault, f"{_WORDS[fault]} ({name}{' ' if code else ''}{code})")


_WORDS = {
    Fault.LOST: "the connection failed",
    Fault.BUSY: "a lock or time limit ended the statement",
    Fault.UNDECODABLE: "a value cannot be decoded",
    Fault.LOGIN: "the database refused the login",
    Fault.DENIED: "the database user may not read it",
    Fault.MISSING: "a table, column or function does not exist",
    Fault.OTHER: "the database refused the statement",
}

_POSTGRESQL_STATES = {
    "57014": Fault.BUSY,  # query_canceled: statement_timeout
    "55P03": Fault.BUSY,  # lock_not_available: lock_timeout
    "40001": Fault.BUSY,  # serialization_failure, also a standby's conflict with recovery
    "40P01": Fault.BUSY,  # deadlock_detected
    "57P01": Fault.LOST,
    "57P02": Fault.LOST,
    "57P03": Fault.LOST,
    "57P05": Fault.LOST,
    "53300": Fault.LOST,  # too_many_connections
    "28P01": Fault.LOGIN,
    "28000": Fault.LOGIN,
    "3D000": Fault.LOGIN,
    "42501": Fault.DENIED,
    "42P01": Fault.MISSING,
    "42703": Fault.MISSING,
    "42883": Fault.MISSING,  # no such function, or no operator between such types
    "3F000": Fault.MISSING,
}


def _postgresql(error: BaseException) -> tuple[Fault, str]:
    state = str(getattr(error, "sqlstate", None) or "")
    if state:
        # Classes: 08 connection exceptions, 22 data exceptions raised while a row is computed or sent.
        by_class = {"08": Fault.LOST, "22": Fault.UNDECODABLE}.get(state[:2], Fault.OTHER)
        return _POSTGRESQL_STATES.get(state, by_class), state
    if type(error).__name__ == "DataError":  # raised by the driver itself: infinity, year 10000
        return Fault.UNDECODABLE, ""
    if type(error).__name__ in {"OperationalError", "ConnectionTimeout"}:
        # libpq gives no SQLSTATE for a failed login; the server's wording is all there is.
        refused = (
            r"password authentication failed|no password supplied|no pg_hba\.conf|(role|database) .* does not exist"
        )
        return (Fault.LOGIN if re.search(refused, str(error)) else Fault.LOST), ""
    return Fault.OTHER, ""


_MYSQL_CODES = {
    1045: Fault.LOGIN,
    1044: Fault.LOGIN,
    1049: Fault.LOGIN,
    1698: Fault.LOGIN,
    1142: Fault.DENIED,
    1143: Fault.DENIED,
    1146: Fault.MISSING,
    1054: Fault.MISSING,
    1305: Fault.MISSING,
    1205: Fault.BUSY,  # lock wait time-out
    1213: Fault.BUSY,  # deadlock
    1969: Fault.BUSY,  # MariaDB max_statement_time
    3024: Fault.BUSY,  # MySQL max_execution_time
    1317: Fault.BUSY,  # query interrupted: KILL QUERY
    1040: Fault.LOST,  # too many connections
    1053: Fault.LOST,  # server shutdown in progress
    1927: Fault.LOST,  # MariaDB: connection was killed
    2002: Fault.LOST,
    2003: Fault.LOST,
    2006: Fault.LOST,
    2013: Fault.LOST,
    2014: Fault.LOST,
    0: Fault.LOST,  # InterfaceError(0, ""): the socket is closed
}


def _mysql(error: BaseException) -> tuple[Fault, str]:
    code = error.args[0] if error.args else None
    if isinstance(error, UnicodeDecodeError) or not isinstance(code, int):
        return Fault.OTHER, ""
    return _MYSQL_CODES.get(code, Fault.OTHER), str(code)


def _sqlite(error: BaseException) -> tuple[Fault, str]:
    text, name = str(error), str(getattr(error, "sqlite_errorname", ""))
    if "Could not decode to UTF-8" in text or "OverflowError" in text:
        return Fault.UNDECODABLE, ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Fault.BUSY, name
    if re.match("no such (table|column|function)", text):
        return Fault.MISSING, name
    return Fault.OTHER, name
