"""The keys in doubt: events of them may have reached the receiver without the ledger knowing.

The rule: before a changed event of a key with a ledger entry may leave, the key is recorded here, on disk. So if the
process dies or the answer is lost, the older entry is not trusted. A key is in doubt while its ledger entry is of an
earlier reading than its record here; the acceptance of a later event ends the doubt. A key without a ledger entry needs
no record: its row is sent anyway.

While two runs are at work, what one of them records is also written here under the number of the other, which may have
read the same rows earlier and may still send them. So the other sees what was recorded while its event was under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from etl.event.event import Event
from etl.event.key_hash import LEDGER_KEY_BYTES
from etl.state.database import Database, Transaction

# Stands for the run's number when only a later acceptance can end the doubt.
NO_RUN = 0
_ADD = "INSERT INTO etl_doubt (mapping_id, run_no, stamp, keys) VALUES (?, ?, ?, ?)"


class Doubts:
    """The doubts of one mapping."""

    __slots__ = ("_database", "_loaded", "_mapping_id", "_own", "_stamps")

    def __init__(self, database: Database, mapping_id: int) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        # The stamps of pages with doubts written by this process and not removed yet.
        self._own: Final[set[int]] = set()
        # The rows of other runs, past or present, that were read so far, each with its stamp and keys.
        self._loaded: dict[int, tuple[int, bytes]] = {}
        self._stamps: dict[bytes, int] = {}

    def add(self, transaction: Transaction, run_no: int, stamp: int, ledger_keys: Iterable[bytes]) -> None:
        """Record that run `run_no` may send events of `ledger_keys`: a ledger entry read before `stamp` is in doubt."""
        packed = b"".join(ledger_keys)
        if packed:
            transaction.run(_ADD, (self._mapping_id, run_no, stamp, packed))

    def add_page(self, transaction: Transaction, run_no: int, stamp: int, ledger_keys: Iterable[bytes]) -> None:
        """As `add`, for the page that was read at `stamp`; until `page_settled`."""
        self.add(transaction, run_no, stamp, ledger_keys)
        self._own.add(stamp)

    def page_settled(self, transaction: Transaction, run_no: int, stamps: Iterable[int]) -> None:
        """Remove the doubts of the pages read at `stamps`: all their events are settled."""
        for stamp in self._own.intersection(stamps):
            sql = "DELETE FROM etl_doubt WHERE mapping_id = ? AND run_no = ? AND stamp = ?"
            transaction.run(sql, (self._mapping_id, run_no, stamp))
            self._own.discard(stamp)

    def add_uncertain(self, transaction: Transaction, events: Iterable[Event]) -> None:
        """Record `events` given up that may have reached the receiver: only a later acceptance ends the doubt."""
        by_stamp: defaultdict[int, list[bytes]] = defaultdict(list)
        for event in events:
            if event.ledger_key:
                by_stamp[event.stamp].append(event.ledger_key)
        for stamp, keys in by_stamp.items():
            self.add(transaction, NO_RUN, stamp, keys)

    def crossed(self, transaction: Transaction, run_no: int, events: Iterable[Event]) -> list[Event]:
        """Those of `events` of run `run_no` about whose key another run recorded something since they were read."""
        by_key = {event.ledger_key: event for event in events}
        if not by_key:
            return []
        sql = "SELECT stamp, keys FROM etl_doubt WHERE mapping_id = ? AND run_no = ? AND stamp > ?"
        oldest = min(event.stamp for event in by_key.values())
        found: dict[bytes, Event] = {}
        for stamp, packed in transaction.rows(sql, (self._mapping_id, run_no, oldest)):
            if stamp not in self._own:
                keys = by_key.keys() & _unpacked(bytes(packed))
                found |= {key: by_key[key] for key in keys if by_key[key].stamp < stamp}
        return list(found.values())

    def run_ended(self, transaction: Transaction, run_no: int) -> None:
        """Remove the doubts of run `run_no`, which has nothing under way any more."""
        sql = "DELETE FROM etl_doubt WHERE mapping_id = ? AND run_no = ?"
        transaction.run(sql, (self._mapping_id, run_no))
        self._own.clear()

    def of_others(self, run_no: int | None) -> Mapping[bytes, int]:
        """By key, the stamp below which its entry is in doubt because of other runs than `run_no` (None: any run)."""
        sql = "SELECT doubt_id FROM etl_doubt WHERE mapping_id = ? AND run_no <> ?"
        there = {int(row[0]) for row in self._database.rows(sql, (self._mapping_id, -1 if run_no is None else run_no))}
        if there == self._loaded.keys():
            return self._stamps
        for gone in self._loaded.keys() - there:
            del self._loaded[gone]
        for doubt_id in there - self._loaded.keys():
            sql = "SELECT stamp, keys FROM etl_doubt WHERE doubt_id = ?"
            for stamp, packed in self._database.rows(sql, (doubt_id,)):
                self._loaded[doubt_id] = (int(stamp), bytes(packed))
        stamps: dict[bytes, int] = {}
        for stamp, packed in self._loaded.values():
            for key in _unpacked(packed):
                stamps[key] = max(stamp, stamps.get(key, stamp))
        self._stamps = stamps
        return stamps

    def tidy(self, transaction: Transaction, entry_stamps: Mapping[bytes, int]) -> None:
        """Drop the doubts that later ledger entries have ended; `entry_stamps` has the stamps of all keys here."""
        sql = "SELECT doubt_id, stamp, keys FROM etl_doubt WHERE mapping_id = ?"
        for doubt_id, stamp, packed in transaction.rows(sql, (self._mapping_id,)):
            keys = _unpacked(bytes(packed))
            # A key without an entry needs no doubt: its row is sent anyway.
            left = b"".join(key for key in keys if entry_stamps.get(key, stamp) < stamp)
            if not left:
                transaction.run("DELETE FROM etl_doubt WHERE doubt_id = ?", (doubt_id,))
            elif len(left) < len(packed):
                transaction.run("UPDATE etl_doubt SET keys = ? WHERE doubt_id = ?", (left, doubt_id))

    def keys(self, transaction: Transaction | Database) -> set[bytes]:
        """Every recorded key, whether its doubt has ended or not."""
        sql = "SELECT keys FROM etl_doubt WHERE mapping_id = ?"
        return {key for (packed,) in transaction.rows(sql, (self._mapping_id,)) for key in _unpacked(bytes(packed))}

    def clear(self, transaction: Transaction) -> None:
        """Forget every doubt, together with the ledger."""
        transaction.run("DELETE FROM etl_doubt WHERE mapping_id = ?", (self._mapping_id,))
        self._own.clear()


def _unpacked(packed: bytes) -> Sequence[bytes]:
    return [packed[at : at + LEDGER_KEY_BYTES] for at in range(0, len(packed), LEDGER_KEY_BYTES)]
