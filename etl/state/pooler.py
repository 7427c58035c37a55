"""Refuses a state behind a pooler that hands the server's session to another client after each transaction.

The lock on a mapping and the writing belong to one session. Behind such a pooler the lock would be taken in one session
and given back in another, and events would be sent that no later run knows of.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa

from etl.errors import StateUnusable
from etl.unreachable import STATEMENT_POOLER

POOLER_HINT = "give the address of the server itself, or of a pooler in session mode"
NO_SECOND_SESSION = "the pooler before it had no second session for this process"
POOL_HINT = (
    "let its pool hold two sessions for each process that runs at a time (default_pool_size), "
    "or give the address of the server itself"
)
ROUNDS = 4
# After this a pool is taken for full: its own limit (query_wait_timeout) is two minutes, or none.
WAIT_SECONDS = 15


def refuse_transaction_pooler(engine: sa.Engine, place: str) -> None:
    """Raise `StateUnusable` when `engine`, in AUTOCOMMIT, reaches the server `place` through such a pooler.

    A server tells a client the number of its process when it connects. A pooler tells a number of its own, because it
    has no process for the client yet; only then it is found out whether it keeps one for the client.
    """
    with engine.connect() as first:
        if _told_process(first) == _process(first):
            return
        _refuse_statement_pooler(first, place)
        with _second(engine, place) as other:
            # Both may have got their session only now, the one after the other.
            if any(_changes_hands(first, other) for _ in range(ROUNDS)):
                raise StateUnusable(
                    f"the state {place} lies behind a pooler in transaction mode, which keeps no lock", hint=POOLER_HINT
                )


def _refuse_statement_pooler(connection: sa.Connection, place: str) -> None:
    """A statement is answered, and the beginning of a transaction is not: psycopg2 hears no more of it than that."""
    try:
        with _open_transaction(connection):
            pass
    except sa.exc.DBAPIError:
        raise StateUnusable(f"cannot open the state {place}: {STATEMENT_POOLER.words}", hint=POOLER_HINT) from None


@contextmanager
def _second(engine: sa.Engine, place: str) -> Iterator[sa.Connection]:
    """Another connection of `engine`, which has been answered.

    Its first statement waits for a session of the server, and no driver can be told for how long.
    """
    connection = engine.connect()
    answered, given_up = Event(), Event()

    def ask() -> None:
        with suppress(sa.exc.DBAPIError):
            _process(connection)
            answered.set()
        if given_up.is_set():
            connection.close()

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(WAIT_SECONDS)
    if not answered.is_set():
        # The thread goes on when the first connection is closed, and must not keep the session that it gets then.
        given_up.set()
        if not asking.is_alive():
            connection.close()
        raise StateUnusable(f"cannot open the state {place}: {NO_SECOND_SESSION}", hint=POOL_HINT)
    with connection:
        yield connection


def _changes_hands(one: sa.Connection, other: sa.Connection) -> bool:
    """A session of the server changes hands between two clients, or `one` gets another than before.

    The order leaves no way round it: whether the pooler gives out the session that came back last or the one that
    waited longest, within one round a client meets a session that was the other's, unless each has its own.
    """
    own = _process(one)  # a whole transaction: `own` is free now, unless it is kept for `one`
    with _open_transaction(other) as held:
        if held == own or _process(one) != own:
            return True
    with _open_transaction(other) as again:
        if again != held or _process(one) != own:
            return True
    return _process(other) != held


@contextmanager
def _open_transaction(connection: sa.Connection) -> Iterator[int]:
    """The process that serves a transaction of `connection`, which stays open in the `with`."""
    connection.exec_driver_sql("BEGIN")
    try:
        yield _process(connection)
    finally:
        connection.exec_driver_sql("ROLLBACK")


def _process(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _told_process(connection: sa.Connection) -> int | None:
    driver: Any = connection.connection.driver_connection
    return getattr(getattr(driver, "info", None), "backend_pid", None)
