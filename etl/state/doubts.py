"""Events whose fate is unknown: what may have reached the receiver without the ledger knowing.

The rule: before a changed event of a key that the ledger knows may leave, its key stands here, on disk; so a process
that dies, or an answer that is lost, never makes the ledger sure of an older event. A key is in doubt while its entry
in the ledger is of an earlier reading than what stands here: the acceptance of a later event ends the doubt.

A key without an entry needs none: its row is sent whatever it holds.

What one run records while another is at work stands here in the name of that other run, which may have read any of
these rows earlier, and send it yet. So it sees what was recorded while an event of its own was under way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from etl.event.event import Event
from etl.event.key_hash import LEDGER_KEY_BYTES
from etl.state.database import Database, Transaction

# Written in place of a run's number when only a later acceptance may end the doubt.
NO_RUN = 0
_ADD = "INSERT INTO etl_doubt (mapping_id, run_no, stamp, keys) VALUES (?, ?, ?, ?)"


class Doubts:
    """The doubts of one mapping."""

    __slots__ = ("_database", "_loaded", "_mapping_id", "_own", "_stamps")

    def __init__(self, database: Database, mapping_id: int) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        # The stamps of pages of which this process wrote doubts that are still there.
        self._own: Final[set[int]] = set()
        # What other runs left or are at: the rows that were read so far, and the latest stamp of each of their keys.
        self._loaded: dict[int, tuple[int, bytes]] = {}
        self._stamps: dict[bytes, int] = {}

    def add(self, transaction: Transaction, run_no: int, stamp: int, ledger_keys: Iterable[bytes]) -> None:
        """Events of `ledger_keys` may reach the receiver in run `run_no`: an entry read before `stamp` is not sure."""
        packed = b"".join(ledger_keys)
        if packed:
            transaction.run(_ADD, (self._mapping_id, run_no, stamp, packed))

    def add_page(self, transaction: Transaction, run_no: int, stamp: int, ledger_keys: Iterable[bytes]) -> None:
        """As `add`, for the page that was read at `stamp`; until `page_settled`."""
        self.add(transaction, run_no, stamp, ledger_keys)
        self._own.add(stamp)

    def page_settled(self, transaction: Transaction, run_no: int, stamps: Iterable[int]) -> None:
        """Every event of the pages read at `stamps` has a certain end."""
        for stamp in self._own.intersection(stamps):
            sql = "DELETE FROM etl_doubt WHERE mapping_id = ? AND run_no = ? AND stamp = ?"
            transaction.run(sql, (self._mapping_id, run_no, stamp))
            self._own.discard(stamp)

    def add_uncertain(self, transaction: Transaction, events: Iterable[Event]) -> None:
        """`events` were given up on, and may have reached the receiver: only a later acceptance ends the doubt."""
        by_stamp: defaultdict[int, list[bytes]] = defaultdict(list)
        for event in events:
            if event.ledger_key:
                by_stamp[event.stamp].append(event.ledger_key)
        for stamp, keys in by_stamp.items():
            self.add(transaction, NO_RUN, stamp, keys)

    def crossed(self, transaction: Transaction, run_no: int, events: Iterable[Event]) -> list[Event]:
        """Those of `events` of run `run_no` of whose key another run recorded something since they were read."""
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
        """Run `run_no` has nothing on its way any more, so that nothing is in doubt because of it."""
        sql = "DELETE FROM etl_doubt WHERE mapping_id = ? AND run_no = ?"
        transaction.run(sql, (self._mapping_id, run_no))
        self._own.clear()

    def of_others(self, run_no: int | None) -> Mapping[bytes, int]:
        """By key, the stamp up to which its entry is not sure, because of other runs than `run_no` (None: of any)."""
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
        """Drop what `entry_stamps`, the ledger's entries of all keys in doubt, has answered; unpacked row by row."""
        sql = "SELECT doubt_id, stamp, keys FROM etl_doubt WHERE mapping_id = ?"
        for doubt_id, stamp, packed in transaction.rows(sql, (self._mapping_id,)):
            keys = _unpacked(bytes(packed))
            # Without an entry the row is sent whatever it holds.
            left = b"".join(key for key in keys if entry_stamps.get(key, stamp) < stamp)
            if not left:
                transaction.run("DELETE FROM etl_doubt WHERE doubt_id = ?", (doubt_id,))
            elif len(left) < len(packed):
                transaction.run("UPDATE etl_doubt SET keys = ? WHERE doubt_id = ?", (left, doubt_id))

    def keys(self, transaction: Transaction | Database) -> set[bytes]:
        """Every key that stands here, in doubt or not any more."""
        sql = "SELECT keys FROM etl_doubt WHERE mapping_id = ?"
        return {key for (packed,) in transaction.rows(sql, (self._mapping_id,)) for key in _unpacked(bytes(packed))}

    def clear(self, transaction: Transaction) -> None:
        """Forget every doubt, together with the ledger."""
        transaction.run("DELETE FROM etl_doubt WHERE mapping_id = ?", (self._mapping_id,))
        self._own.clear()


def _unpacked(packed: bytes) -> Sequence[bytes]:
    return [packed[at : at + LEDGER_KEY_BYTES] for at in range(0, len(packed), LEDGER_KEY_BYTES)]
