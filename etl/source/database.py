"""The connection to the source: read-only, in UTC, with time limits, and free again before anyone looks at the rows.

A statement's rows are fetched whole and its transaction is ended before they are handed out, so that no transaction is
ever open while events are being sent.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa
import sqlalchemy.exc

from etl.clock import Clock
from etl.errors import EtlError, SourceFailed, SourceMismatch
from etl.source.fault import DatabaseFault, Fault, fault_of

log = logging.getLogger(__name__)

Result = TypeVar("Result")

SLOW_STATEMENT_SECONDS = 30.0
# Waits before the second, third … attempt; with full jitter they add up to at most two minutes.
RECONNECT_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0)
FIRST_CONNECT_SECONDS = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Rows:
    """A statement's whole answer. `shape` holds a name and the driver's type code for each column."""

    rows: Sequence[tuple[Any, ...]]
    shape: tuple[tuple[str, object], ...]


class Database:
    """One source database. `place` names it for people, without user and password.

    `patient` False: nothing is tried again.
    """

    def __init__(self, engine: sa.Engine, *, clock: Clock, place: str, patient: bool = True) -> None:
        self.engine = engine
        self.dialect = engine.dialect.name
        self.place = place
        self._clock = clock
        self._patient = patient
        driver: Any = engine.dialect.dbapi
        # Fetching runs below SQLAlchemy, so its errors arrive as the driver raised them; decoders raise built-in ones.
        self._foreign_errors: tuple[type[Exception], ...] = (
            sqlalchemy.exc.SQLAlchemyError,
            driver.Error,
            OverflowError,
            ValueError,
        )

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def read(self, statement: sa.Executable) -> Rows:
        """The rows of `statement`, as the driver's tuples; one attempt.

        Raises:
            DatabaseFault: whatever SQLAlchemy or the driver raised, by its meaning.
        """
        started = self._clock.monotonic()
        try:
            with self.engine.connect() as connection:
                result = connection.execute(statement)
                # The driver's own tuples: SQLAlchemy's rows and result processors cost more than the reading.
                cursor = result.cursor
                if cursor is None:
                    return Rows((), ())
                rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
                shape = tuple((str(column[0]), column[1]) for column in cursor.description or ())
                result.close()
        except self._foreign_errors as error:
            # Not `from error`: a driver's text may quote a row's value (SQLite does), and tracebacks print causes.
            raise fault_of(error, dialect=self.dialect) from None
        seconds = self._clock.monotonic() - started
        if seconds > SLOW_STATEMENT_SECONDS:
            log.warning("Statement was slow: is the cursor indexed? place=%s seconds=%.0f", self.place, seconds)
        return Rows(rows, shape)

    def read_patiently(self, statement: sa.Executable, *, purpose: str) -> Rows:
        """As `read`, reconnecting and waiting where that can help.

        Raises:
            SourceFailed, SourceMismatch: it did not help; `purpose` ("count rows of customers") is named.
        """
        try:
            return self.patiently(lambda: self.read(statement), purpose=purpose)
        except DatabaseFault as fault:
            raise self.failure(fault, purpose=purpose) from fault

    def patiently(
        self, attempt: Callable[[], Result], *, purpose: str, waits: Sequence[float] = RECONNECT_SECONDS
    ) -> Result:
        """The result of `attempt`, tried again after lost connections and time-outs.

        Raises:
            DatabaseFault: a value cannot be decoded; the caller knows how to find its row.
            SourceFailed, SourceMismatch: any other fault, when it stayed.
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
        if self._clock.wait(seconds * (0.5 + self._clock.jitter() / 2)):
            raise self.failure(fault, purpose=purpose) from fault

    def failure(self, fault: DatabaseFault, *, purpose: str) -> EtlError:
        """The error to raise when `fault` is final."""
        message = f"could not {purpose} {'to' if purpose == 'connect' else 'in'} {self.place}: {fault.words}"
        match fault.fault:
            case Fault.MISSING:
                return SourceMismatch(message, hint="compare the mapping with the database: validate --connect")
            case Fault.LOGIN:
                return SourceFailed(message, hint="check user, password and database name in source.url")
            case Fault.DENIED:
                return SourceFailed(message, hint="grant SELECT on the table to the user of source.url")
            case Fault.LOST:
                return SourceFailed(message, hint="is the database up and reachable? The next run goes on from here")
            case Fault.BUSY:
                return SourceFailed(message, hint="the table is locked or the cursor is not indexed; run again later")
            case Fault.UNDECODABLE | Fault.OTHER:
                return SourceFailed(message)

    def compiled(self, statement: sa.Executable) -> tuple[str, Mapping[str, object]]:
        """SQL text and parameters of `statement`, for tests and `EXPLAIN`."""
        text = statement.compile(self.engine)  # type: ignore[attr-defined]
        return str(text), dict(text.params)
