"""The lock on a mapping and track on PostgreSQL: an advisory lock of the connection that writes.

The rule: the server frees the lock when the holder's connection ends, however it ends. A holder that lost the lock
cannot write any more, because it has lost the connection with it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from hashlib import blake2b
from types import TracebackType
from typing import Final

from etl.clock import Clock
from etl.errors import StateUnusable
from etl.state.database import Database
from etl.state.lock import Holder, host_name, locked, named_holder


class ServerLock:
    """A session-level advisory lock on (mapping, track), held by the connection that writes the state.

    With a connection of its own the lock could be lost while this process goes on writing beside the next holder.
    """

    def __init__(self, database: Database, mapping_id: int, *, mapping: str, track: str, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._mapping: Final = mapping
        self._track: Final = track
        self._number: Final = lock_number(mapping, track)
        self._clock: Final = clock
        self._held = False

    def __enter__(self) -> None:
        """Take the lock. Raises `MappingLocked`."""
        assert not self._held, "the lock is held already"
        with self._database.transaction("lock") as transaction:
            self._held = bool(transaction.rows("SELECT pg_try_advisory_lock(?)", (self._number,))[0][0])
            if self._held:
                transaction.run(
                    "INSERT INTO etl_holder (mapping_id, track, pid, host, since) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (mapping_id, track) DO UPDATE "
                    "SET pid = excluded.pid, host = excluded.host, since = excluded.since",
                    (self._mapping_id, self._track, os.getpid(), host_name(), self._clock.utc_now().isoformat()),
                )
        if not self._held:
            raise locked(self._mapping, named_holder(self._holder, self._clock))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the lock back."""
        if self._held:
            self._held = False
            with suppress(StateUnusable):
                # The holder's row is deleted, and committed, before the lock is released, so that it is not taken for
                # the next holder's.
                with self._database.transaction("unlock") as transaction:
                    sql = "DELETE FROM etl_holder WHERE mapping_id = ? AND track = ?"
                    transaction.run(sql, (self._mapping_id, self._track))
                with self._database.transaction("unlock") as transaction:
                    transaction.rows("SELECT pg_advisory_unlock(?)", (self._number,))

    def _holder(self) -> Holder | None:
        return server_holder(self._database, self._mapping_id, self._mapping, self._track)


def server_holder(database: Database, mapping_id: int, mapping: str, track: str) -> Holder | None:
    """Who holds (mapping, track); None when no process does."""
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
    return Holder(int(pid), host, datetime.fromisoformat(since), for_one_host=False)


def lock_number(mapping: str, track: str) -> int:
    """The advisory lock's number: 63 bits, so that it fits a BIGINT and is never negative."""
    digest = blake2b(f"{mapping}\0{track}".encode(), digest_size=8, person=b"squeezely-etl").digest()
    return int.from_bytes(digest) >> 1
