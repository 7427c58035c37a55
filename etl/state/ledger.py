"""What the receiver already has: per key, the hash of the last accepted event.

The rule: an entry is never replaced by an older reading of its row, whoever writes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import add
from typing import Final

from etl.batch.digest import DIGEST_BYTES, LEDGER_KEY_BYTES
from etl.batch.event import Event
from etl.state.database import Database, Transaction

_KEY_AND_EVENT_BYTES = LEDGER_KEY_BYTES + DIGEST_BYTES

# One statement with one value for a whole batch: the keys (and digests) stand in it one after the other, and SQLite
# cuts them out again. This costs half of binding a value a row, and less than parsing a list of placeholders.
_EACH_AT = "WITH RECURSIVE each(at) AS (SELECT 1 UNION ALL SELECT at + {0} FROM each WHERE at + {0} < length(?1))"
_LOOK_UP = f"""{_EACH_AT.format(LEDGER_KEY_BYTES)}
    SELECT key, event FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES})"""  # noqa: S608 - numbers of ours
_NEWER = f"""{_EACH_AT.format(LEDGER_KEY_BYTES)}
    SELECT key, stamp FROM each CROSS JOIN etl_ledger
    WHERE mapping_id = ?2 AND key = substr(?1, at, {LEDGER_KEY_BYTES}) AND stamp > ?3"""  # noqa: S608 - numbers of ours
_UPSERT = f"""{_EACH_AT.format(_KEY_AND_EVENT_BYTES)}
    INSERT INTO etl_ledger (mapping_id, key, event, stamp)
    SELECT ?2, substr(?1, at, {LEDGER_KEY_BYTES}), substr(?1, at + {LEDGER_KEY_BYTES}, {DIGEST_BYTES}), ?3
    FROM each WHERE true
    ON CONFLICT (mapping_id, key) DO UPDATE SET event = excluded.event, stamp = excluded.stamp
    WHERE excluded.stamp >= etl_ledger.stamp"""  # noqa: S608 - numbers of ours

_LOOK_UP_ARRAY = "SELECT key, event FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?)"
_NEWER_ARRAY = "SELECT key, stamp FROM etl_ledger WHERE mapping_id = ? AND key = ANY(?) AND stamp > ?"
_UPSERT_ARRAYS = """INSERT INTO etl_ledger (mapping_id, key, event, stamp)
    SELECT ?, key, event, ? FROM unnest(?::bytea[], ?::bytea[]) AS entry (key, event)
    ON CONFLICT (mapping_id, key) DO UPDATE SET event = excluded.event, stamp = excluded.stamp
    WHERE excluded.stamp >= etl_ledger.stamp"""


class Ledger:
    """The entries of one mapping."""

    __slots__ = ("_database", "_mapping_id")

    def __init__(self, database: Database, mapping_id: int) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id

    def digests(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The digest of each of `ledger_keys` that has an entry, by one statement."""
        if not ledger_keys:
            return {}
        if self._database.postgresql:
            rows = self._database.rows(_LOOK_UP_ARRAY, (self._mapping_id, list(ledger_keys)))
        else:
            rows = self._database.rows(_LOOK_UP, (b"".join(sorted(ledger_keys)), self._mapping_id))
        return dict(rows)  # type: ignore[arg-type]  # rows of two

    def overtaken(self, transaction: Transaction, events: Iterable[Event]) -> list[Event]:
        """Those of `events` whose key has an entry of a later reading of the row.

        Pages are settled almost in the order in which they were read, so that mostly one number tells it all.
        """
        sql = "SELECT recorded_stamp FROM etl_mapping WHERE mapping_id = ?"
        recorded = int(transaction.rows(sql, (self._mapping_id,))[0][0])
        late = [event for event in events if event.stamp < recorded and event.ledger_key]
        if not late:
            return []
        keys, oldest = sorted({event.ledger_key for event in late}), min(event.stamp for event in late)
        if transaction.postgresql:
            rows = transaction.rows(_NEWER_ARRAY, (self._mapping_id, keys, oldest))
        else:
            rows = transaction.rows(_NEWER, (b"".join(keys), self._mapping_id, oldest))
        newer: dict[bytes, int] = dict(rows)  # type: ignore[arg-type]  # rows of two
        return [event for event in late if newer.get(event.ledger_key, event.stamp) > event.stamp]

    def forget(self, transaction: Transaction, ledger_keys: Sequence[bytes]) -> None:
        """Drop the entries of `ledger_keys`, so that these rows count as never sent."""
        sql = "DELETE FROM etl_ledger WHERE mapping_id = ? AND key = ?"
        transaction.many(sql, [(self._mapping_id, key) for key in ledger_keys])

    def record(self, transaction: Transaction, events: Iterable[Event]) -> None:
        """Enter accepted events; an entry of a later reading stays."""
        by_stamp: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        for event in events:
            by_stamp[event.stamp][event.ledger_key] = event.digest
        for stamp in sorted(by_stamp):
            entries = by_stamp[stamp]
            if transaction.postgresql:
                arrays = (list(entries), list(entries.values()))
                transaction.run(_UPSERT_ARRAYS, (self._mapping_id, stamp, *arrays))
            else:
                # In the order of the table: neighbours are written to a page that is at hand.
                packed = b"".join(sorted(map(add, entries, entries.values())))
                transaction.run(_UPSERT, (packed, self._mapping_id, stamp))
        sql = "UPDATE etl_mapping SET recorded_stamp = ? WHERE mapping_id = ? AND recorded_stamp < ?"
        transaction.run(sql, (max(by_stamp), self._mapping_id, max(by_stamp)))

    def size(self) -> int:
        """How many keys have an entry."""
        return int(
            self._database.rows("SELECT count(*) FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))[0][0]
        )

    def clear(self, transaction: Transaction) -> None:
        """Forget every entry."""
        transaction.run("DELETE FROM etl_ledger WHERE mapping_id = ?", (self._mapping_id,))
