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
    confirm: called before each transaction; raises `StateUnusable` where what it writes would be lost.
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
        # Whether the state was made at this opening: then it knew nothing before.
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
        """The place for messages, with a word where the state was made just now: which may be the wrong one then."""
        return f"{self.place} (made just now)" if self.made else self.place

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Fetch all rows of one statement, outside of any transaction. Raises `StateUnusable`."""
        with self._reading, told_as_state("read", self.place, self.errors):
            return Transaction(self._reader, postgresql=self.postgresql).rows(sql, parameters)

    def one_more_connection(self) -> Connection:
        """A connection beside the two, for its caller to use and to close. Raises `StateUnusable`."""
        with told_as_state("open", self.place, self.errors):
            return self._connect()

    @contextmanager
    def transaction(self, operation: str = "write", *, synced: bool = False) -> Iterator[Transaction]:
        """All or nothing of what is executed inside. Raises `StateUnusable`; then nothing was changed.

        synced: a loss of power after it does not undo it. A server's transactions always are; a file's cost a wait for
        the disk.
        """
        assert self._writer is not None, "the state was opened for reading only"
        self._confirm()
        with self._writing, told_as_state(operation, self.place, self.errors), self._synced(wanted=synced):
            transaction = Transaction(self._writer, postgresql=self.postgresql)
            # IMMEDIATE: a transaction that begins as a reader may find itself unable to become a writer.
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
        """Close both connections. `last_words` are statements for the writing one, tried in vain or not.

        Waits for a thread that is busy with one: SQLite would crash the process. Its next statement is refused.
        """
        with self._writing, self._reading:  # in the order in which a thread takes them that reads within a transaction
            with suppress(*self.errors.kinds):
                self._reader.close()
            if self._writer is not None:
                with suppress(*self.errors.kinds):
                    transaction = Transaction(self._writer, postgresql=self.postgresql)
                    for statement in last_words:
                        transaction.run(statement)
                with suppress(*self.errors.kinds):
                    self._writer.close()
