"""The connection to the source: read-only, in UTC, with time limits, and released before the rows are used.

A statement's rows are all fetched and its transaction ended before the rows are returned, so no transaction is open
while events are being sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc

from etl.clock import Clock
from etl.errors import EtlError, SourceFailed, SourceMismatch
from etl.page import UNDECODABLE
from etl.source.fault import DatabaseFault, Fault, fault_of
from etl.source.lenient import NEVER_RAISING, undecodable_allowed
from etl.source.streaming import fetched, prepare

log = logging.getLogger(__name__)

Result = TypeVar("Result")
# Changes a driver's rows, given their description, into what the other drivers of that database give.
Amend = Callable[[Sequence[tuple[Any, ...]], Sequence[Any]], Sequence[tuple[Any, ...]]]

SLOW_STATEMENT_SECONDS = 30.0
# How long a count may take if only a report needs it.
REPORT_SECONDS = 20
# Waits before the second, third … attempt; with full jitter they add up to at most two minutes.
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)
FIRST_CONNECT_SECONDS = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Habits:
    """How a driver differs from the others. `amend` None: its rows need no change.

    `instants` is the zone in which MySQL and MariaDB send a TIMESTAMP.
    """

    amend: Amend | None
    instants: tzinfo


_HINTS = {
    Fault.MISSING: "correct it in the mapping, or in the database",
    Fault.WRONG: "correct the SQL of the mapping: query, where",
    Fault.LOGIN: "check user and password in source.url",
    Fault.DENIED: "grant SELECT on it to the user of source.url",
    Fault.LOST: "is the database up and reachable? The next run goes on from here",
    Fault.BUSY: "the table is locked or the cursor is not indexed; run again later, or raise source.statement_timeout",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows of a statement. `shape` holds a name and the driver's type code for each column.

    `flags`: the flags of each column in MySQL's protocol, if the driver passes them on; `lengths`: how many characters
    each may have, if the driver says so.
    """

    rows: Sequence[tuple[Any, ...]]
    shape: tuple[tuple[str, object], ...]
    flags: tuple[int, ...] = ()
    lengths: tuple[int | None, ...] = ()


class Database:
    """One source database. `place` names it for people, without user and password.

    `patient` False: nothing is tried again. `instants` is as in `Habits`.
    """

    def __init__(self, engine: sa.Engine, *, clock: Clock, place: str, patient: bool, habits: Habits) -> None:
        self.engine = engine
        prepare(engine)
        self.dialect = engine.dialect.name
        self.place = place
        self._clock = clock
        self._patient = patient
        self._amend = habits.amend
        self.instants = habits.instants
        driver: Any = engine.dialect.dbapi
        # Rows are fetched by the driver without SQLAlchemy, so its errors arrive unwrapped; decoders raise built-in
        # ones.
        self._reaching_errors: tuple[type[Exception], ...] = (
            UnicodeError,
            sqlalchemy.exc.SQLAlchemyError,
            driver.Error,
            OSError,  # pg8000, of a server that is silent
            RuntimeError,  # PyMySQL, of a login that needs another package
        )
        self._foreign_errors: tuple[type[Exception], ...] = (*self._reaching_errors, OverflowError, ValueError)

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def reach(self) -> None:
        """Connect, unless a connection is kept already; one attempt.

        Raises:
            DatabaseFault: whatever SQLAlchemy or the driver raised, by its meaning.
            TypeError, AttributeError, ValueError: the driver, of an option that it was given.
        """
        try:
            with self.engine.connect():
                pass
        except self._reaching_errors as error:
            raise fault_of(error, dialect=self.dialect) from None

    def read(
        self,
        statement: sa.Executable,
        *,
        limit_seconds: int | None = None,
        lenient: bool = False,
        listed: bool = False,
    ) -> Rows:
        """The rows of `statement`, as the driver's tuples; one attempt.

        `limit_seconds`: the server's time limit; None: that of the mapping. `lenient`: a value that the driver cannot
        decode becomes `UNDECODABLE`, if the driver supports that. `listed`: the transaction has to appear in InnoDB's
        list.

        Raises:
            DatabaseFault: whatever SQLAlchemy or the driver raised, by its meaning.
        """
        started = self._clock.monotonic()
        try:
            with self._connection(lenient=lenient) as connection:
                if limit_seconds is not None:
                    connection.execution_options(statement_seconds=limit_seconds)
                if listed:
                    connection.execution_options(listed=True)
                result = connection.execute(statement)
                # The driver's own tuples: SQLAlchemy's rows and result processors cost more time than the reading
                # itself.
                cursor = result.cursor
                if cursor is None:
                    return Rows((), ())
                rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
                description = cursor.description or ()
                shape = tuple((str(column[0]), column[1]) for column in description)
                flags = _flags(cursor)
                rows = self._amended(rows, description, lenient=lenient)
                result.close()
        except self._foreign_errors as error:
            # Not `from error`: a driver's text may quote a row's value (SQLite does), and tracebacks print causes.
            raise fault_of(error, dialect=self.dialect) from None
        self._tell_if_slow(started)
        lengths = tuple(column[3] if isinstance(column[3], int) else None for column in description)
        return Rows(rows, shape, flags, lengths)

    def _amended(
        self, rows: Sequence[tuple[Any, ...]], description: Sequence[Any], *, lenient: bool
    ) -> Sequence[tuple[Any, ...]]:
        if self._amend is not None:
            rows = self._amend(rows, description)
        if not lenient and self.engine.dialect.driver in NEVER_RAISING and any(UNDECODABLE in row for row in rows):
            raise DatabaseFault(Fault.UNDECODABLE, "a value cannot be decoded")
        return rows

    @contextmanager
    def _connection(self, *, lenient: bool) -> Iterator[sa.Connection]:
        with ExitStack() as stack:
            connection = stack.enter_context(self.engine.connect())
            stack.enter_context(_given_up_when_silent(connection))
            if lenient:
                stack.enter_context(undecodable_allowed(connection))
            yield connection

    def leniently(self, attempt: Callable[..., Result]) -> Result:
        """The result of `attempt(lenient=False)`, or of `attempt(lenient=True)` where a value cannot be decoded.

        Raises:
            DatabaseFault: as for `read`.
        """
        try:
            return attempt(lenient=False)
        except DatabaseFault as fault:
            if fault.fault is not Fault.UNDECODABLE:
                raise
        return attempt(lenient=True)

    def pieces(self, statement: sa.Executable, *, piece_rows: int, lenient: bool = False) -> Generator[Rows]:
        """Yield the rows of `statement` as they arrive, `piece_rows` at a time, none empty; closing ends the statement.

        `lenient` as for `read`.

        Raises:
            DatabaseFault: as for `read`.
        """
        started = self._clock.monotonic()
        shape: tuple[tuple[str, object], ...] = ()
        try:
            with self._connection(lenient=lenient) as connection:
                for rows, description in fetched(connection, statement, piece_rows=piece_rows):
                    shape = shape or tuple((str(column[0]), column[1]) for column in description)
                    yield Rows(self._amended(rows, description, lenient=lenient), shape)
        except self._foreign_errors as error:
            raise fault_of(error, dialect=self.dialect) from None
        self._tell_if_slow(started)

    def read_patiently(self, statement: sa.Executable, *, purpose: str) -> Rows:
        """As `read`, but tried again after lost connections and time-outs.

        Raises:
            SourceFailed, SourceMismatch: attempts used up; the message names `purpose` ("count rows of customers").
        """
        try:
            return self.patiently(lambda: self.read(statement), purpose=purpose)
        except DatabaseFault as fault:
            raise self.failure(fault, purpose=purpose) from fault

    def number_for_report(self, statement: sa.Executable, *, purpose: str) -> int | None:
        """The number that `statement` selects; None if the database needs longer than a report is worth."""
        try:
            return int(self.read(statement, limit_seconds=REPORT_SECONDS).rows[0][0])
        except DatabaseFault as fault:
            log.warning("Not counted. purpose=%s place=%s cause=%s", purpose, self.place, fault.words)
            return None

    def patiently(
        self, attempt: Callable[[], Result], *, purpose: str, waits: Sequence[float] = RECONNECT_SECONDS
    ) -> Result:
        """The result of `attempt`, tried again after lost connections and time-outs.

        Raises:
            DatabaseFault: a value cannot be decoded; the caller knows how to find its row.
            SourceFailed, SourceMismatch: any other fault that stayed.
        """
        busy = 0
        for wait_seconds in (*(waits if self._patient else ()), None):
            try:
                return attempt()
            except DatabaseFault as fault:
                if fault.fault is Fault.UNDECODABLE:
                    raise
                busy += fault.fault is Fault.BUSY
                if fault.fault not in {Fault.LOST, Fault.BUSY} or wait_seconds is None or busy > 3:
                    raise self.failure(fault, purpose=purpose) from fault
                self.pause(wait_seconds, fault=fault, purpose=purpose)
        raise AssertionError("the last attempt returns or raises")

    def pause(self, seconds: float, *, fault: DatabaseFault, purpose: str) -> None:
        """Wait up to `seconds`, with full jitter, before another attempt.

        Raises:
            SourceFailed: the wait was interrupted by a stop request.
        """
        log.warning("Source failed, trying again. purpose=%s place=%s cause=%s", purpose, self.place, fault.words)
        if self.wait(seconds):
            raise self.failure(fault, purpose=purpose) from fault

    def wait(self, seconds: float) -> bool:
        """Wait between half of `seconds` and all of them; True when a stop request came."""
        return self._clock.wait(seconds * (0.5 + self._clock.jitter() / 2))

    def mark(self) -> str:
        """Thirteen letters or digits that no other statement holds."""
        return f"{int(self._clock.jitter() * 2**52):013x}"

    def failure(self, fault: DatabaseFault, *, purpose: str) -> EtlError:
        """The error to raise when `fault` is final."""
        message = f"could not {purpose} {'to' if purpose == 'connect' else 'in'} {self.place}: {fault.words}"
        hint = fault.hint or _HINTS.get(fault.fault)
        if fault.fault in {Fault.MISSING, Fault.WRONG}:
            return SourceMismatch(message, hint=hint)
        return SourceFailed(message, hint=hint)

    def _tell_if_slow(self, started: float) -> None:
        seconds = self._clock.monotonic() - started
        if seconds > SLOW_STATEMENT_SECONDS:
            log.warning("Statement was slow: is the cursor indexed? place=%s seconds=%.0f", self.place, seconds)

    def compiled(self, statement: sa.Executable) -> tuple[str, Mapping[str, object]]:
        """SQL text and parameters of `statement`, for tests and `EXPLAIN`."""
        text = statement.compile(self.engine)  # type: ignore[attr-defined]
        return str(text), dict(text.params)


@contextmanager
def _given_up_when_silent(connection: sa.Connection) -> Iterator[None]:
    """Discard the connection if its socket timed out within an answer: the rest of it would come with the next one."""
    try:
        yield
    except OSError:
        connection.invalidate()
        raise


def _flags(cursor: Any) -> tuple[int, ...]:  # noqa: ANN401  # the driver's
    """The columns' flags of the MySQL protocol; () where the driver has none, or does not hand them on."""
    if (fields := getattr(getattr(cursor, "_result", None), "fields", None)) is not None:  # PyMySQL
        return tuple(field.flags for field in fields)
    if (given := getattr(cursor, "description_flags", None)) is not None:  # mysqlclient
        return tuple(given)
    # The connectors of MariaDB and MySQL put the flags into the description.
    return tuple(column[7] for column in cursor.description or () if len(column) > 7 and isinstance(column[7], int))
