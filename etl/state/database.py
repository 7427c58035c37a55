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
    """What a statement answers."""

    @property
    def rowcount(self) -> int:
        """How many rows it wrote, for one that begins with INSERT."""

    def fetchall(self) -> Sequence[Row]:
        """All its rows."""


class Connection(Protocol):
    """A driver's connection that begins no transaction unasked. Parameters are `?`; SQLite's own connection is one."""

    def execute(self, sql: str, parameters: Sequence[Any], /) -> Cursor:
        """Execute one statement."""

    def executemany(self, sql: str, rows: Sequence[tuple[object, ...]], /) -> object:
        """Execute one statement for each of `rows`, of which there are some."""

    def close(self) -> None:
        """Close it."""


class Transaction:
    """Statements of one transaction, or of none."""

    __slots__ = ("_connection", "postgresql")

    def __init__(self, connection: Connection, *, postgresql: bool) -> None:
        self._connection = connection
        self.postgresql = postgresql

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Execute one statement that returns nothing; how many rows it wrote, for one that begins with INSERT."""
        return self._connection.execute(sql, parameters).rowcount

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Execute one statement and fetch all rows."""
        return self._connection.execute(sql, parameters).fetchall()

    def many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Execute one statement for each of `rows`; nothing for none."""
        if rows:
            self._connection.executemany(sql, rows)


class Database:
    """The connections of one process, opened by `connect`. `place` names the database to people, without a password.

    writable: False when there is only the reading connection, and the database refuses writes through it.
    postgresql: which SQL the database speaks besides what is common to both; False for SQLite.
    errors: what `connect` and its connections raise.
    """

    def __init__(
        self, connect: Callable[[], Connection], *, place: str, writable: bool, postgresql: bool, errors: DriverErrors
    ) -> None:
        self.place: Final = place
        self.writable: Final = writable
        self.postgresql: Final = postgresql
        self._errors: Final = errors
        self._reading = threading.Lock()
        self._writing = threading.RLock()
        self._reader = connect()
        try:
            self._writer = connect() if writable else None
        except BaseException:
            self._reader.close()
            raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Fetch all rows of one statement, outside of any transaction. Raises `StateUnusable`."""
        with self._reading, told_as_state("read", self.place, self._errors):
            return Transaction(self._reader, postgresql=self.postgresql).rows(sql, parameters)

    @contextmanager
    def transaction(self, operation: str = "write") -> Iterator[Transaction]:
        """All or nothing of what is executed inside. Raises `StateUnusable`; then nothing was changed."""
        assert self._writer is not None, "the state was opened for reading only"
        with self._writing, told_as_state(operation, self.place, self._errors):
            transaction = Transaction(self._writer, postgresql=self.postgresql)
            # IMMEDIATE: a transaction that begins as a reader may find itself unable to become a writer.
            transaction.run("BEGIN" if self.postgresql else "BEGIN IMMEDIATE")
            try:
                yield transaction
                transaction.run("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors.
                with suppress(*self._errors.kinds):
                    transaction.run("ROLLBACK")
                raise

    def close(self, last_words: Iterable[str] = ()) -> None:
        """Close both connections. `last_words` are statements for the writing one, tried in vain or not.

        Waits for a thread that is busy with one: SQLite would crash the process. That thread's next word is refused.
        """
        with self._writing, self._reading:  # in the order of whoever reads within a transaction
            with suppress(*self._errors.kinds):
                self._reader.close()
            if self._writer is not None:
                with suppress(*self._errors.kinds):
                    transaction = Transaction(self._writer, postgresql=self.postgresql)
                    for statement in last_words:
                        transaction.run(statement)
                with suppress(*self._errors.kinds):
                    self._writer.close()
