"""Two connections to the state's database: one writes, in transactions; one reads, a statement at a time.

The rule: a reader never waits for a writer nor sees half of what it writes, and no transaction outlives its `with`.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import sqlalchemy as sa

from etl.state.trouble import told_as_state

Row = Sequence[Any]


class Transaction:
    """Statements of one transaction. They are written for SQLite (`?`); `?` becomes `%s` for PostgreSQL."""

    __slots__ = ("_connection", "_sqlite", "postgresql")

    def __init__(self, connection: sa.Connection, *, postgresql: bool) -> None:
        self._connection = connection
        # SQLite's driver is asked directly: what SQLAlchemy does besides takes longer than most of these statements.
        self._sqlite: Any = None if postgresql else connection.connection.driver_connection
        self.postgresql = postgresql

    def run(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Execute one statement that returns nothing; how many rows it wrote, for one that begins with INSERT."""
        return int(self._executed(sql, parameters).rowcount)

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Execute one statement and fetch all rows."""
        found: Sequence[Row] = self._executed(sql, parameters).fetchall()
        return found

    def many(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Execute one statement for each of `rows`; nothing for none."""
        if not rows:
            return
        if self._sqlite is None:
            self._asked(sql, rows)
        else:
            self._sqlite.executemany(sql, rows)

    def _executed(self, sql: str, parameters: Sequence[object]) -> Any:  # noqa: ANN401 - a cursor of either library
        return self._asked(sql, tuple(parameters)) if self._sqlite is None else self._sqlite.execute(sql, parameters)

    def _asked(self, sql: str, parameters: Any) -> Any:  # noqa: ANN401 - as SQLAlchemy's
        return self._connection.exec_driver_sql(sql.replace("?", "%s"), parameters)


class Database:
    """The connections of one process. `place` names the database to people, without a password.

    `writable` False: there is only the reading connection, and the database refuses writes through it.
    """

    def __init__(self, engine: sa.Engine, *, place: str, writable: bool) -> None:
        self.place: Final = place
        self.writable: Final = writable
        self.postgresql: Final = engine.dialect.name == "postgresql"
        self._engine = engine
        self._reading = threading.Lock()
        self._writing = threading.RLock()
        self._reader = engine.connect()
        self._writer = engine.connect() if writable else None

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> Sequence[Row]:
        """Fetch all rows of one statement, outside of any transaction. Raises `StateUnusable`."""
        with self._reading, told_as_state("read", self.place):
            return Transaction(self._reader, postgresql=self.postgresql).rows(sql, parameters)

    @contextmanager
    def transaction(self, operation: str = "write") -> Iterator[Transaction]:
        """All or nothing of what is executed inside. Raises `StateUnusable`; then nothing was changed."""
        assert self._writer is not None, "the state was opened for reading only"
        with self._writing, told_as_state(operation, self.place):
            transaction = Transaction(self._writer, postgresql=self.postgresql)
            # IMMEDIATE: a transaction that begins as a reader may find itself unable to become a writer.
            transaction.run("BEGIN" if self.postgresql else "BEGIN IMMEDIATE")
            try:
                yield transaction
                transaction.run("COMMIT")
            except BaseException:
                # SQLite has rolled back already after some errors.
                with suppress(sa.exc.SQLAlchemyError, sqlite3.Error):
                    transaction.run("ROLLBACK")
                raise

    def close(self, last_words: Iterable[str] = ()) -> None:
        """Close both connections. `last_words` are statements for the writing one, tried in vain or not.

        Waits for a thread that is busy with one: SQLite would crash the process. That thread's next word is refused.
        """
        with self._writing, self._reading:  # in the order of whoever reads within a transaction
            with suppress(sa.exc.SQLAlchemyError):
                self._reader.close()
            if self._writer is not None:
                with suppress(sa.exc.SQLAlchemyError, sqlite3.Error):
                    transaction = Transaction(self._writer, postgresql=self.postgresql)
                    for statement in last_words:
                        transaction.run(statement)
                with suppress(sa.exc.SQLAlchemyError):
                    self._writer.close()
            self._engine.dispose()
