"""Translates a driver's exception into a `Fault` by a closed list, and finds the place of a mistake in a statement.

A driver's text may quote values of a row or the password, so only its class and code, and our own words, are passed on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import sqlalchemy.exc

from etl.source.sentence import sentence_of
from etl.unreachable import Cause, Obstacle, cause_of

_URL = "source.url"


class Fault(Enum):
    """What went wrong, by what can be done about it."""

    LOST = auto()  # the connection is gone or could not be made: reconnect and read again
    BUSY = auto()  # a lock or statement time-out, a deadlock, a replica's conflict: read again, less at once
    UNDECODABLE = auto()  # a value that cannot be decoded: find its row
    LOGIN = auto()  # user, password or database refused: trying again does not help
    DENIED = auto()  # no privilege on the table
    MISSING = auto()  # the table or a column is not there
    WRONG = auto()  # the statement itself is wrong: the mapping's own SQL does not fit in
    OPTION = auto()  # the URL has an option that the driver or the server does not take
    ZONE = auto()  # the server does not know the zone of the session
    OTHER = auto()  # anything else that the database says


class DatabaseFault(Exception):
    """A failed statement. `fault` decides what to do; `words` and `hint` are printable: no value, no secret.

    `hint` is None where the fault alone says what to do; `spot` is None unless the mistake is in the statement.
    """

    def __init__(self, fault: Fault, words: str, *, hint: str | None = None, spot: Spot | None = None) -> None:
        super().__init__(words)
        self.fault = fault
        self.words = words
        self.hint = hint
        self.spot = spot


def fault_of(error: BaseException, *, dialect: str) -> DatabaseFault:
    """The meaning of `error`, raised by SQLAlchemy or by the driver of `dialect` itself."""
    lost, connecting, statement = False, False, ""
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        lost, connecting = error.connection_invalidated, error.statement is None
        # These drivers mark parameters by percent signs, so those in the statement itself are doubled.
        doubled = dialect in {"postgresql", "mysql", "mariadb"}
        statement = (error.statement or "").replace("%%", "%") if doubled else error.statement or ""
        error = error.orig if error.orig is not None else error
    match dialect:
        case "sqlite":
            fault, code = _sqlite(error)
        case "postgresql":
            fault, code = _postgresql(error)
        case "mysql" | "mariadb":
            fault, code = _mysql(error)
        case "duckdb":
            fault, code = _duckdb(error)
        case _:
            fault, code = Fault.OTHER, ""
    if fault is Fault.OTHER and lost:
        fault = Fault.LOST
    if fault is Fault.OTHER and isinstance(error, ValueError | OverflowError):
        fault = Fault.UNDECODABLE
    name = f"{type(error).__module__.partition('.')[0]}.{type(error).__name__}"
    origin = f"({name}{' ' if code else ''}{code})"
    if dialect == "duckdb" and (of_file := _of_duckdb_file(str(error), origin)) is not None:
        return of_file
    cause = _cause(error, fault, dialect, connecting=connecting)
    if cause is not None:
        told = cause.words if cause.refusal is Obstacle.OPTION else f"{cause.words} {origin}"
        return DatabaseFault(_OF_REFUSAL[cause.refusal], told, hint=cause.hint)
    sentence = sentence_of(_message(error), dialect=dialect, code=code or type(error).__name__)
    once = fault is not Fault.MISSING
    spot = spot_of(error, statement, name=sentence.name, once=once) if statement else None
    return DatabaseFault(fault, f"{_told(fault, sentence.text)} {origin}", spot=spot)


def _told(fault: Fault, sentence: str) -> str:
    if not sentence:
        return _WORDS[fault]
    # The server said a sentence, so it is the server that could not compute a value, not the driver.
    words = "the database cannot compute a value" if fault is Fault.UNDECODABLE else _WORDS[fault]
    return f"{words}: {sentence}"


def _cause(error: BaseException, fault: Fault, dialect: str, *, connecting: bool) -> Cause | None:
    if dialect in {"sqlite", "duckdb"}:
        return None
    driver = type(error).__module__.partition(".")[0].lower()
    if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
        # PyMySQL, about the files of TLS that it reads before it connects; errors of a socket's path it wraps.
        return cause_of("could not read certificate", url=_URL, driver=driver)
    if not connecting:
        if fault not in {Fault.LOST, Fault.LOGIN, Fault.OTHER}:
            return None
        state = sqlstate_of(error)
        if fault is Fault.OTHER and state and state[:2] not in {"08", "28", "3D", "53", "57"}:
            return None  # a statement's own error, which may quote anything
    # pg8000 keeps the operating system's message in the exception's cause.
    return cause_of(f"{error} {error.__cause__ or ''}", url=_URL, driver=driver)


_OF_REFUSAL = {
    Obstacle.PASSING: Fault.LOST,
    Obstacle.UNKNOWN_HOST: Fault.LOST,
    Obstacle.LOGIN: Fault.LOGIN,
    Obstacle.OPTION: Fault.OPTION,
}


def _message(error: BaseException) -> str:
    first, *more = error.args or ("",)
    if isinstance(first, int) and more:  # a number of MySQL's with its words
        return str(more[0])
    return str(first.get("M", "")) if isinstance(first, dict) else str(error)  # pg8000 gives the server's fields


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE that a driver of PostgreSQL found, "" when there is none."""
    first = error.args[0] if error.args else None
    own = first.get("C") if isinstance(first, dict) else None
    return str(getattr(error, "sqlstate", None) or getattr(error, "pgcode", None) or own or "")


_WORDS = {
    Fault.LOST: "the connection failed",
    Fault.BUSY: "a lock or time limit ended the statement",
    Fault.UNDECODABLE: "a value cannot be decoded",
    Fault.LOGIN: "the database refused the login",
    Fault.DENIED: "the database user may not read it",
    Fault.MISSING: "a table, column or function does not exist",
    Fault.WRONG: "the database does not understand the statement",
    Fault.OPTION: "an option of source.url is wrong",
    Fault.ZONE: "the server does not know the zone",
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
    "25P03": Fault.LOST,  # idle_in_transaction_session_timeout
    "25P04": Fault.BUSY,  # transaction_timeout
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
    state = sqlstate_of(error)
    if state:
        # Classes: 08 connection exceptions, 42 syntax errors and what cannot be resolved, 22 data exceptions raised
        # while a row is computed or sent.
        by_class = {"08": Fault.LOST, "22": Fault.UNDECODABLE, "42": Fault.WRONG}.get(state[:2], Fault.OTHER)
        return _POSTGRESQL_STATES.get(state, by_class), state
    if type(error).__name__ == "DataError":  # raised by the driver itself: infinity, year 10000
        return Fault.UNDECODABLE, ""
    if isinstance(error, OSError) or type(error).__name__ in {
        "OperationalError",
        "ConnectionTimeout",
        "InterfaceError",
    }:
        # libpq gives no SQLSTATE for a failed login, so its words decide, later.
        return Fault.LOST, ""
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
    1052: Fault.WRONG,  # an ambiguous column
    1055: Fault.WRONG,  # not in GROUP BY
    1060: Fault.WRONG,  # two columns of one name
    1064: Fault.WRONG,  # syntax
    1140: Fault.WRONG,
    1222: Fault.WRONG,  # a UNION of different widths
    1205: Fault.BUSY,  # lock wait time-out
    1213: Fault.BUSY,  # deadlock
    1969: Fault.BUSY,  # MariaDB max_statement_time
    3024: Fault.BUSY,  # MySQL max_execution_time
    1317: Fault.BUSY,  # query interrupted: KILL QUERY
    1130: Fault.LOGIN,  # this host may not connect
    1251: Fault.LOGIN,  # authentication method
    2059: Fault.LOGIN,
    2061: Fault.LOGIN,
    2026: Fault.LOGIN,  # TLS
    3159: Fault.LOGIN,  # require_secure_transport
    1298: Fault.ZONE,
    1356: Fault.MISSING,  # a view that refers to what is gone
    1040: Fault.LOST,  # too many connections
    1203: Fault.LOST,  # too many of this user's
    1226: Fault.LOST,  # a limit of this user's
    1053: Fault.LOST,  # server shutdown in progress
    1927: Fault.LOST,  # MariaDB: connection was killed
    1158: Fault.LOST,
    1159: Fault.LOST,
    1160: Fault.LOST,
    1161: Fault.LOST,
    2002: Fault.LOST,
    2003: Fault.LOST,
    2005: Fault.LOST,  # unknown host
    2006: Fault.LOST,
    2013: Fault.LOST,
    2014: Fault.LOST,
    0: Fault.LOST,  # InterfaceError(0, ""): the socket is closed
}


def _mysql(error: BaseException) -> tuple[Fault, str]:
    code = getattr(error, "errno", None) or (error.args[0] if error.args else None)
    if isinstance(error, UnicodeDecodeError) or not isinstance(code, int):
        return Fault.OTHER, ""
    return _MYSQL_CODES.get(code, Fault.OTHER), str(code)


_DUCKDB_ERRORS = {
    "CatalogException": Fault.MISSING,
    "BinderException": Fault.MISSING,
    "ConversionException": Fault.UNDECODABLE,
    "OutOfRangeException": Fault.UNDECODABLE,
    "InterruptException": Fault.BUSY,
    "ParserException": Fault.WRONG,
    "PermissionException": Fault.DENIED,
}


def _duckdb(error: BaseException) -> tuple[Fault, str]:
    return _DUCKDB_ERRORS.get(type(error).__name__, Fault.OTHER), ""


def _of_duckdb_file(text: str, origin: str) -> DatabaseFault | None:
    """The fault of the DuckDB file itself; None when `text` does not speak of the file."""
    if "Could not set lock on file" in text:
        holder = re.search(r"\(PID \d+\)", text)
        return DatabaseFault(
            Fault.BUSY,
            "another process has the file open for writing: Could not set lock on file: a conflicting lock is held "
            f"{f'{holder[0]} ' if holder else ''}{origin}",
            hint="let that process close the file, then run again; DuckDB locks the whole file",
        )
    if "not a valid DuckDB database" in text:
        hint = "check the path in source.url; a file of a newer DuckDB is read by that version's Python package"
        return DatabaseFault(Fault.OTHER, f"the file is not a valid DuckDB database file {origin}", hint=hint)
    if "Permission denied" in text:
        hint = "let the user that runs this read the file and its folder"
        return DatabaseFault(Fault.OTHER, f"this user may not open the file {origin}", hint=hint)
    return None


def _sqlite(error: BaseException) -> tuple[Fault, str]:
    text, name = str(error), str(getattr(error, "sqlite_errorname", ""))
    if "Could not decode to UTF-8" in text or "OverflowError" in text:
        return Fault.UNDECODABLE, ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return Fault.BUSY, name
    if re.match("no such (table|column|function)", text):
        return Fault.MISSING, name
    if "syntax error" in text or text.startswith("ambiguous column name"):
        return Fault.WRONG, name
    return Fault.OTHER, name


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in `statement` as the server got it, by `offset` (None: unknown) or by the `name` of what is wrong.

    `once`: the name may be right elsewhere in the statement, such as a misplaced word of SQL.
    """

    statement: str
    offset: int | None
    name: str
    once: bool

    def within(self, text: str) -> int | None:
        """The offset of the mistake in `text`, which is a part of the statement; None when it is not known."""
        begin = self.statement.find(text)
        if self.offset is not None and begin >= 0 and begin <= self.offset < begin + len(text):
            return self.offset - begin
        if not self.name:
            return None
        found = [one.start() for one in re.finditer(rf"(?<![\w$]){re.escape(self.name)}(?![\w$])", text)]
        return found[0] if found and not (self.once and len(found) > 1) else None


def spot_of(error: BaseException, statement: str, *, name: str, once: bool) -> Spot:
    """The spot that a driver's `error` points to; `name` is what it calls wrong ("": it names nothing)."""
    return Spot(statement, _offset(error, statement, name), name, once)


def _offset(error: BaseException, statement: str, name: str) -> int | None:
    first: Any = error.args[0] if error.args else None
    of_server: Any = getattr(error, "diag", None)
    told = first.get("P") if isinstance(first, dict) else getattr(of_server, "statement_position", None)
    if told is not None and str(told).isdecimal():
        return int(told) - 1
    line = re.search(r" at line (\d+)|^LINE (\d+): ", str(error), re.MULTILINE)
    if line is None:
        return None
    before = statement.split("\n")[: int(line[1] or line[2]) - 1]
    begin = sum(len(one) + 1 for one in before)
    at = statement.find(name, begin) if name else -1
    return at if at >= 0 else begin
