"""What the receiver already has: per key, the hash of the last accepted event.

The rule: an entry is never replaced by an older reading of its row, whoever writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from etl.batch.event import Event
from etl.state.database import Database, Transaction

_MOST_PARAMETERS = 5000

_UPSERT = """INSERT INTO etl_ledger (mapping_id, key, event, stamp) VALUES (?, ?, ?, ?)
    ON CONFLICT (mapping_id, key) DO UPDATE SET event = excluded.event, stamp = excluded.stamp
    WHERE excluded.stamp >= etl_ledger.stamp"""
_UPSERT_ARRAYS = """INSERT INTO etl_ledger (mapping_id, key, event, stamp)
    SELECT ?, * FROM unnest(?::bytea[], ?::bytea[], ?::bigint[])
    ON CONFLICT (mapping_id, key) DO UPDATE SET event = excluded.event, stamp = excluded.stamp
    WHERE excluded.stamp >= etl_ledger.stamp"""


class Ledger:
    """The entries of one mapping."""

    __slots__ = ("_database", "_mapping_id")

    def __init__(self, database: Database, mapping_id: int) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id

    def digests(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The digest of each of `ledger_keys` that has an entry; one statement for 5,000 keys."""
        if self._database.postgresql:
            sql = "SELECT key, event FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?)"
            return dict(map(tuple, self._database.rows(sql, (self._mapping_id, list(ledger_keys)))))
        found: dict[bytes, bytes] = {}
        for at in range(0, len(ledger_keys), _MOST_PARAMETERS):
            part = ledger_keys[at : at + _MOST_PARAMETERS]
            marks = ",".join("?" * len(part))
            sql = f"SELECT key, event FROM etl_ledger WHERE mapping_id = ? AND key IN ({marks})"  # noqa: S608 - marks only
            found.update(map(tuple, self._database.rows(sql, (self._mapping_id, *part))))
        return found

    def overtaken(self, transaction: Transaction, events: Iterable[Event]) -> list[Event]:
        """Those of `events` whose key has an entry of a later reading of the row."""
        by_key = {event.ledger_key: event for event in events}
        sql = "SELECT key FROM etl_ledger WHERE mapping_id = ? AND key = ? AND stamp > ?"
        late = [
            key for key, event in by_key.items() if transaction.rows(sql, (self._mapping_id, key, event.stamp))
        ]
        return [by_key[key] for key in late]

    def record(self, transaction: Transaction, events: Sequence[Event]) -> None:
        """Enter accepted events that have a ledger key."""
        rows = sorted((self._mapping_id, event.ledger_key, event.digest, event.stamp) for event in events)
        if not rows:
            return
        if transaction.postgresql:
            _, keys, digests, stamps = map(list, zip(*rows, strict=True))
            transaction.run(_UPSERT_ARRAYS, (self._mapping_id, keys, digests, stamps))
        else:
            transaction.many(_UPSERT, rows)

    def size(self) -> int:
        """How many keys have an entry."""
        return int(self._database.rows("SELECT count(*) FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))[0][0])

    def clear(self, transaction: Transaction) -> None:
        """Forget every entry."""
        transaction.run("DELETE FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))
