"""Two connections to the state's database: one writes, in transactions; one reads, a statement at a time.

The rule: a reader never waits for a writer nor sees half of what it writes, and no transaction outlives its `with`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from etl.state.trouble import DriverErrors, told_as_state

Row = Sequence[Any]


class Cursor(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows an INSERT wrote; undefined for other statements."""

    def fetchall(self) -> Sequence[Row]:
        """All its rows."""


class Connection(Protocol):
    """A driver's connection in autocommit mode. Parameters are `?`; SQLite's own connection is one."""

    def execute(self, sql: str, parameters: Sequence[Any], /) -> Cursor:
        """Execute one statement."""

    def executemany(self, sql: str, rows: Sequence[tuple[object, ...]], /) -> object:
        """Execute one statement for each of `rows`, which are not empty."""

    def close(self) -> None:
        """Close it."""


class Transaction:
    """Runs statements on the writing connection, inside a transaction or outside of one."""

    __slots__ = ("_connection", "postgresql")

    def __init__(self, connection: Connection, *, postgresql: bool) -> None:
        self._connection = connection
        self.postgresql = postgresql

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Execute one statement that returns no rows. Returns how many rows an INSERT wrote."""
        return self._connection.execute(sql, parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Execute one statement and fetch all rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Execute one statement for each of `rows`; does nothing without rows."""
        if rows:
            self._connection.executemany(sql, rows)


class Database:
    """The connections of one process, opened by `connect`. `place` names the database to people, without a password.

    writable: False when there is only the reading connection, and the database refuses writes through it. postgresql:
    whether the database is PostgreSQL; False for SQLite. errors: the exceptions that `connect` and its connections
    raise. confirm: called before each transaction; raises `StateUnusable` if its writes would be lost.
    """

    def __init__(  # noqa: PLR0913 - what a file and a server differ in
        self,
        connect: Callable[[], Connection],
        *,
        place: str,
        writable: bool,
        postgresql: bool,
        errors: DriverErrors,
        confirm: Callable[[], None] = lambda: None,
    ) -> None:
        self.place: Final = place
        self.writable: Final = writable
        self.postgresql: Final = postgresql
        # Whether this opening created the state.
        self.made = False
        self.errors: Final = errors
        self._confirm: Final = confirm
        self._connect: Final = connect
        self._reading = threading.Lock()
        self._writing = threading.RLock()
        self._reader = connect()
        try:
            self._writer = connect() if writable else None
        except BaseException:
            self._reader.close()
            raise

    @property
    def named(self) -> str:
        """The place for messages; says so if the state was made just now, because then the location may be wrong."""
        return f"{self.place} (made just now)" if self.made else self.place

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Fetch all rows of one statement, outside of any transaction. Raises `StateUnusable`."""
        with self._reading, told_as_state("read", self.place, self.errors):
            return Transaction(self._reader, postgresql=self.postgresql).rows(sql, parameters)

    def one_more_connection(self) -> Connection:
        """A third connection, which the caller has to close. Raises `StateUnusable`."""
        with told_as_state("open", self.place, self.errors):
            return self._connect()

    @contextmanager
    def transaction(self, operation: str = "write", *, synced: bool = False) -> Iterator[Transaction]:
        """A transaction. Raises `StateUnusable`; then nothing was changed.

        synced: the transaction survives a loss of power. On a server it always does; for a file it costs a wait for the
        disk.
        """
        assert self._writer is not None, "the state was opened for reading only"
        self._confirm()
        with self._writing, told_as_state(operation, self.place, self.errors), self._synced(wanted=synced):
            transaction = Transaction(self._writer, postgresql=self.postgresql)
            # IMMEDIATE takes the write lock at once: a transaction that begins by reading may fail when it wants to
            # write.
            transaction.run("BEGIN" if self.postgresql else "BEGIN IMMEDIATE")
            try:
                yield transaction
                transaction.run("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors.
                with suppress(*self.errors.kinds):
                    transaction.run("ROLLBACK")
                raise

    @contextmanager
    def _synced(self, *, wanted: bool) -> Iterator[None]:
        if not wanted or self.postgresql:
            yield
            return
        assert self._writer is not None
        self._writer.execute("PRAGMA synchronous = FULL", ())
        try:
            yield
        finally:
            with suppress(*self.errors.kinds):
                self._writer.execute("PRAGMA synchronous = NORMAL", ())

    def close(self, last_words: Iterable[str] = ()) -> None:
        """Close both connections. `last_words` are statements for the writing one; their errors are ignored.

        Waits for a thread that is using a connection, because SQLite would crash the process. The thread's next
        statement is refused.
        """
        with self._writing, self._reading:  # in the same order as a thread that reads within a transaction takes them
            with suppress(*self.errors.kinds):
                self._reader.close()
            if self._writer is not None:
                with suppress(*self.errors.kinds):
                    transaction = Transaction(self._writer, postgresql=self.postgresql)
                    for statement in last_words:
                        transaction.run(statement)
                with suppress(*self.errors.kinds):
                    self._writer.close()
