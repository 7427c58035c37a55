"""The state of a simulated life: each call is one transaction, and a crash comes before it or after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from etl.batch.event import Event
from etl.batch.key_hash import KeyHasher
from etl.dead_letter import DeadLetter
from etl.delivery.courier import Settlement
from etl.page import Key, Position

HASH_KEY = b"0123456789abcdef"


class MemoryState:
    """Port `etl.job.ports.JobState`, in memory. `danger` may raise: the process dies there.

    `settled` hears of every settlement before it is applied.
    """

    hash_key = HASH_KEY

    def __init__(self, *, danger: Callable[[str], None]) -> None:
        self.positions: dict[str, Position] = {}
        self.ledger: dict[bytes, tuple[bytes, int]] = {}
        self.dead: dict[Key, str] = {}
        self._hasher = KeyHasher(HASH_KEY)
        self._refused: dict[bytes, bytes] = {}
        self.settled: Callable[[Settlement, str], None] = lambda _settlement, _track: None
        self._key_of: dict[bytes, Key] = {}
        self._danger = danger
        self._stamp = 0

    def next_stamp(self) -> int:
        self._stamp += 1
        return self._stamp

    def same(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> Sequence[bool]:
        known = [self.ledger.get(key, (None, 0))[0] for key in ledger_keys]
        return [before == now for before, now in zip(known, digests, strict=True)]

    def refused(self, ledger_keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return {key: self._refused[key] for key in ledger_keys if key in self._refused}

    def settle(self, settlement: Settlement, *, track: str, run_no: int) -> Sequence[Event]:
        self._danger("before settle")
        self.settled(settlement, track)
        overtaken = []
        for event in settlement.accepted:
            self.dead.pop(event.key, None)
            self._refused.pop(event.ledger_key, None)
            if not event.ledger_key:
                continue
            self._key_of[event.ledger_key] = event.key
            known = self.ledger.get(event.ledger_key)
            if known is not None and known[1] > event.stamp:
                overtaken.append(event)
            else:
                self.ledger[event.ledger_key] = (event.digest, event.stamp)
        for rejected in settlement.rejected:
            self.dead[rejected.event.key] = rejected.reason
            if rejected.event.ledger_key:
                self._refused[rejected.event.ledger_key] = rejected.event.digest
        for event in overtaken:
            # The receiver has the older version now. While the ledger says otherwise, no later reading would be sent.
            del self.ledger[event.ledger_key]
            self.dead[event.key] = "overtaken"
            self._refused.pop(event.ledger_key, None)
        if settlement.position is not None:
            self.positions[track] = settlement.position
        self._danger("after settle")
        return ()

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool) -> None:
        self._danger("before bury")
        for letter in dead_letters:
            self.dead[letter.key] = letter.reason
            self._refused.pop(self._hasher.ledger_key(letter.key), None)
        self._danger("after bury")

    def close_unchanged(self, ledger_keys: Sequence[bytes]) -> None:
        self._danger("before close_unchanged")
        for ledger_key in ledger_keys:
            self.dead.pop(self._key_of[ledger_key], None)
            self._refused.pop(ledger_key, None)
