"""What the receiver already has: per key, the hash of the last accepted event.

The rule: an entry is never replaced by an older reading of its row, whoever writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
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

    def record(self, transaction: Transaction, events: Sequence[Event]) -> list[Event]:
        """Enter accepted events, each with its ledger key.

        Returns those whose key has an entry of a later reading of the row; that entry stays.
        """
        newest, oldest = max(event.stamp for event in events), min(event.stamp for event in events)
        recorded = transaction.rows("SELECT recorded_stamp FROM etl_mapping WHERE mapping_id = ?", (self._mapping_id,))[
            0
        ][0]
        overtaken = self._overtaken(transaction, events) if oldest < recorded else []
        if newest > recorded:
            sql = "UPDATE etl_mapping SET recorded_stamp = ? WHERE mapping_id = ?"
            transaction.run(sql, (newest, self._mapping_id))
        rows = sorted((self._mapping_id, event.ledger_key, event.digest, event.stamp) for event in events)
        if not transaction.postgresql:
            transaction.many(_UPSERT, rows)
        else:
            # One statement may touch a row once only: of several events of a key the latest reading counts.
            rows = list({row[1]: row for row in sorted(rows, key=itemgetter(3))}.values())
            _, keys, digests, stamps = map(list, zip(*rows, strict=True))
            transaction.run(_UPSERT_ARRAYS, (self._mapping_id, keys, digests, stamps))
        return overtaken

    def size(self) -> int:
        """How many keys have an entry."""
        return int(
            self._database.rows("SELECT count(*) FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))[0][0]
        )

    def clear(self, transaction: Transaction) -> None:
        """Forget every entry."""
        transaction.run("DELETE FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))

    def _overtaken(self, transaction: Transaction, events: Sequence[Event]) -> list[Event]:
        sql = "SELECT 1 FROM etl_ledger WHERE mapping_id = ? AND key = ? AND stamp > ?"
        return [event for event in events if transaction.rows(sql, (self._mapping_id, event.ledger_key, event.stamp))]
