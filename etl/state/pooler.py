"""Refuses a state behind a pooler that hands the server's session to another client after each transaction.

The lock on a mapping belongs to the session that writes. Behind such a pooler it could be taken in one session and
released in another, so two runs could work at once, and one would not know what the other sent.
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
# How long to wait before a pool counts as full: its own limit (query_wait_timeout) is two minutes, or none.
WAIT_SECONDS = 15


def refuse_transaction_pooler(engine: sa.Engine, place: str) -> None:
    """Raise `StateUnusable` when `engine`, in AUTOCOMMIT, reaches the server `place` through such a pooler.

    A server sends the id of its process when a client connects. If that differs from the process that then answers,
    there is a pooler, and its mode is tested.
    """
    with engine.connect() as first:
        if _told_process(first) == _process(first):
            return
        _refuse_statement_pooler(first, place)
        with _second(engine, place) as other:
            # Repeated, because both connections may have got their first session only now.
            if any(_changes_hands(first, other) for _ in range(ROUNDS)):
                raise StateUnusable(
                    f"the state {place} lies behind a pooler in transaction mode, which keeps no lock", hint=POOLER_HINT
                )


def _refuse_statement_pooler(connection: sa.Connection, place: str) -> None:
    """Refuse a pooler in statement mode: a statement succeeds, but the beginning of a transaction fails."""
    try:
        with _open_transaction(connection):
            pass
    except sa.exc.DBAPIError:
        raise StateUnusable(f"cannot open the state {place}: {STATEMENT_POOLER.words}", hint=POOLER_HINT) from None


@contextmanager
def _second(engine: sa.Engine, place: str) -> Iterator[sa.Connection]:
    """A second connection of `engine` that has a session.

    Its first statement waits for a session of the pool, and no driver has a time limit for that.
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
        # When the first connection is closed, the waiting thread gets its session, and must release it.
        given_up.set()
        if not asking.is_alive():
            connection.close()
        raise StateUnusable(f"cannot open the state {place}: {NO_SECOND_SESSION}", hint=POOL_HINT)
    with connection:
        yield connection


def _changes_hands(one: sa.Connection, other: sa.Connection) -> bool:
    """Whether a client gets a server's session that another client, or an earlier transaction, had.

    In this order of transactions a shared session shows up within one round, whether the pooler gives out the session
    returned last or the one idle longest.
    """
    own = _process(one)  # a whole transaction: `own` is now free for others, unless the pooler keeps it for `one`
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
