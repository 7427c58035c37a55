"""The same lock on PostgreSQL: an advisory lock that lives as long as a connection of its own.

The rule: the server decides, and frees the lock when the holder's connection ends, however it ends.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from types import TracebackType
from typing import Final, NoReturn

import sqlalchemy as sa

from etl.clock import Clock
from etl.state.database import Database
from etl.state.lock import Holder, host_name, locked
from etl.state.trouble import told_as_state


class ServerLock:
    """A session-level advisory lock on (mapping, track) in the state's own database."""

    def __init__(self, database: Database, mapping_id: int, *, mapping: str, track: str, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._mapping: Final = mapping
        self._track: Final = track
        self._number: Final = lock_number(mapping, track)
        self._clock: Final = clock
        self._connection: sa.Connection | None = None

    def __enter__(self) -> None:
        """Take the lock. Raises `MappingLocked`."""
        assert self._connection is None, "the lock is held already"
        connection = self._database.new_connection()
        try:
            with told_as_state("lock", self._database.place):
                taken = connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (self._number,)).scalar_one()
                if not taken:
                    self._refuse()
                connection.exec_driver_sql(
                    "INSERT INTO etl_holder (mapping_id, track, pid, host, since) VALUES (%s, %s, %s, %s, %s) "
                    "ON CONFLICT (mapping_id, track) DO UPDATE "
                    "SET pid = excluded.pid, host = excluded.host, since = excluded.since",
                    (self._mapping_id, self._track, os.getpid(), host_name(), self._clock.utc_now().isoformat()),
                )
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self._connection is not None:
            with suppress(sa.exc.SQLAlchemyError):  # a lost connection has given the lock back already
                # Said, because the server notices the end of a connection a moment later only.
                self._connection.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (self._number,))
            with suppress(sa.exc.SQLAlchemyError):
                self._connection.close()
            self._connection = None

    def _refuse(self) -> NoReturn:
        raise locked(self._mapping, server_holder(self._database, self._mapping_id, self._mapping, self._track))


def server_holder(database: Database, mapping_id: int, mapping: str, track: str) -> Holder | None:
    """Who holds (mapping, track); None when nobody does."""
    number = lock_number(mapping, track)
    sql = """SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
        AND classid = ? AND objid = ? AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    if not database.rows(sql, ((number >> 32) & 0xFFFFFFFF, number & 0xFFFFFFFF)):
        return None
    rows = database.rows(
        "SELECT pid, host, since FROM etl_holder WHERE mapping_id = ? AND track = ?", (mapping_id, track)
    )
    if not rows:
        return None
    pid, host, since = rows[0]
    return Holder(int(pid), host, datetime.fromisoformat(since), here=host == host_name())


def lock_number(mapping: str, track: str) -> int:
    """The advisory lock's number: 63 bits, so that it fits and is never negative."""
    digest = blake2b(f"{mapping}\0{track}".encode(), digest_size=8, person=b"squeezely-etl").digest()
    return int.from_bytes(digest) >> 1
