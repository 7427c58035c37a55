"""What the API answered to the events that the last run sent, so that `explain` can show it.

The rule: an answer is written once for all the events that got it, not once for each event; and of each track only the
answers to the last run that sent something are kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from etl.event.event import Event
from etl.event.key_hash import KeyHasher
from etl.page import Key
from etl.state.database import Database, Transaction

# Bytes of the end of a ledger key. Two of a million keys have the same end with a chance of 1 in 500, which is enough
# for `explain`.
_TAIL_BYTES = 6


class Answers:
    """The answers of one mapping. One thread writes."""

    __slots__ = ("_database", "_emptied_for", "_hasher", "_mapping_id")

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hasher: Final = KeyHasher(hash_key)
        # The run for which the answers of earlier runs of its track have been dropped.
        self._emptied_for: int | None = None

    def record(
        self,
        transaction: Transaction,
        answers: Iterable[tuple[str, Sequence[Event]]],
        *,
        track: str,
        run_no: int,
    ) -> None:
        """Write `answers`: words of the API, each with the events that got them."""
        tails: defaultdict[str, bytes] = defaultdict(bytes)
        for words, events in answers:
            if words and events:
                tails[words] += b"".join([key[-_TAIL_BYTES:] for key in self._keys(events)])
        if not tails:
            return
        if self._emptied_for != run_no:
            sql = "DELETE FROM etl_answer WHERE mapping_id = ? AND track = ? AND run_no <> ?"
            transaction.run(sql, (self._mapping_id, track, run_no))
            self._emptied_for = run_no
        rows = [(self._mapping_id, track, run_no, *each) for each in tails.items()]
        sql = "INSERT INTO etl_answer (mapping_id, track, run_no, words, tails) VALUES (?, ?, ?, ?, ?)"
        transaction.many(sql, rows)

    def of(self, key: Key, run_no: int | None) -> str | None:
        """The latest answer to an event of `key` in run `run_no` (None: in any); None where none is kept."""
        sql = "SELECT run_no, words, tails FROM etl_answer WHERE mapping_id = ? ORDER BY answer_id DESC"
        tail = self._hasher.ledger_key(key)[-_TAIL_BYTES:]
        for by, words, tails in self._database.rows(sql, (self._mapping_id,)):
            if run_no in (None, by) and _holds(bytes(tails), tail):
                return str(words)
        return None

    def _keys(self, events: Sequence[Event]) -> list[bytes]:
        # With `resend: always` no event has a ledger key.
        if events[0].ledger_key:
            return [event.ledger_key for event in events]
        return self._hasher.ledger_keys([event.key for event in events])

    def clear(self, transaction: Transaction) -> None:
        """Forget every answer, together with the ledger."""
        transaction.run("DELETE FROM etl_answer WHERE mapping_id = ?", (self._mapping_id,))


def _holds(tails: bytes, tail: bytes) -> bool:
    at = tails.find(tail)
    while at >= 0:
        if at % _TAIL_BYTES == 0:
            return True
        at = tails.find(tail, at + 1)
    return False
