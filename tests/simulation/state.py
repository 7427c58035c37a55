"""The state of a simulated life: the real one, in a database in memory, which outlives the processes that open it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from etl.checkpoint import Checkpoint, LastRun
from etl.clock import Clock
from etl.dead_letter import Closure, DeadLetter
from etl.delivery.courier import Settlement
from etl.event.event import Event
from etl.event.key_hash import KeyHasher
from etl.page import Key, Position
from etl.state.database import Database
from etl.state.lock import Holder, Lock, host_name
from etl.state.mapping_state import MappingState
from etl.state.schema import upgrade
from etl.state.trouble import FILE_ERRORS

HASH_KEY = b"0123456789abcdef0123456789abcdef"


class Store:
    """One mapping's state and the note beside it. A backup holds all but the note."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._database = Database(
            lambda: self._connection, place="(memory)", writable=True, postgresql=False, errors=FILE_ERRORS
        )
        with self._database.transaction() as transaction:
            upgrade(transaction, 0, postgresql=False)
            transaction.run("INSERT INTO etl_mapping (name) VALUES ('life')")
        self.at_work: dict[str, Holder] = {}
        self.note: LastRun | None = None

    def open(self) -> MappingState:
        """The state as one process has it."""
        return MappingState(
            self._database,
            name="life",
            mapping_id=1,
            hash_key=HASH_KEY,
            clock=self._clock,
            locks=_Locks(self),
            writable=True,
        )

    def backup(self) -> bytes:
        return self._connection.serialize()

    def restore(self, backup: bytes) -> None:
        self._connection.deserialize(backup)

    def enter(self, track: str) -> None:
        """A process that works on `track` is alive."""
        self.at_work[track] = Holder(os.getpid(), host_name(), self._clock.utc_now())

    def leave(self, track: str) -> None:
        """It is not any more."""
        del self.at_work[track]

    def close(self) -> None:
        self._connection.close()


class _Locks:
    def __init__(self, store: Store) -> None:
        self._store = store

    def lock(self, track: str) -> Lock:
        raise NotImplementedError(track)

    def holder(self, track: str) -> Holder | None:
        return self._store.at_work.get(track)

    def note_run(self, run: LastRun) -> None:
        self._store.note = run

    def noted_run(self) -> LastRun | None:
        return self._store.note

    def forget_note(self) -> None:
        self._store.note = None


class ProcessState:
    """The state as a process uses it: each write may be the moment in which the process dies, before it or after it.

    `settled` hears of every settlement before it is recorded, `doubted` of the rows that are written down as in doubt,
    `let_go` of rows whose dead letter does not speak of the event any more that was refused.
    """

    hash_key = HASH_KEY

    def __init__(
        self,
        real: MappingState,
        *,
        danger: Callable[[str], None],
        settled: Callable[[Settlement], None],
        doubted: Callable[[Iterable[bytes], int], None],
        let_go: Callable[[Iterable[bytes]], None],
    ) -> None:
        self.real = real
        self._danger = danger
        self._settled = settled
        self._doubted = doubted
        self._let_go = let_go
        self.letters = real.letters

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        return self.real.checkpoint(track)

    def set_checkpoint(self, track: str, position: Position | None, *, run_id: str = "") -> None:
        self._guarded("set_checkpoint", lambda: self.real.set_checkpoint(track, position, run_id=run_id))

    def begin_anew(self, track: str, *, run_id: str) -> None:
        self._guarded("begin_anew", lambda: self.real.begin_anew(track, run_id=run_id))

    def end_anew(self, track: str) -> None:
        self._guarded("end_anew", lambda: self.real.end_anew(track))

    def start_run(self, *, run_id: str, command: str, before: Mapping[str, object] | None) -> int:
        return self._guarded("start_run", lambda: self.real.start_run(run_id=run_id, command=command, before=before))

    def finish_run(self, run_no: int, summary: Mapping[str, object], *, unanswered: list[Event] | None) -> None:
        self._guarded("finish_run", lambda: self.real.finish_run(run_no, summary, unanswered=unanswered))

    def next_stamp(self) -> int:
        return self.real.next_stamp()

    def compare(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> tuple[list[bool], list[bool]]:
        return self.real.compare(ledger_keys, digests)

    def earlier(self, known: Iterable[bytes], others: Iterable[bytes]) -> Mapping[bytes, tuple[bytes, bytes]]:
        return self.real.earlier(known, others)

    def refused(self, ledger_keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        return self.real.refused(ledger_keys)

    def doubt(self, ledger_keys: Sequence[bytes], *, stamp: int) -> None:
        self._doubted(ledger_keys, stamp)
        self._guarded("doubt", lambda: self.real.doubt(ledger_keys, stamp=stamp))

    def settle(self, settlement: Settlement, *, track: str, run_no: int) -> Sequence[Event]:
        def settle() -> Sequence[Event]:
            self._settled(settlement)
            return self.real.settle(settlement, track=track, run_no=run_no)

        return self._guarded("settle", settle)

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool) -> None:
        letters = list(dead_letters)
        self._let_go(ledger_key(letter.key) for letter in letters)
        self._guarded("bury", lambda: self.real.bury(letters, tried_again=tried_again))

    def close_unchanged(self, ledger_keys: Sequence[bytes], *, stamp: int) -> None:
        self._let_go(ledger_keys)
        self._guarded("close_unchanged", lambda: self.real.close_unchanged(ledger_keys, stamp=stamp))

    def open_dead_letter_keys(self, reason: str | None = None, limit: int | None = None) -> Sequence[Key]:
        return self.real.open_dead_letter_keys(reason, limit)

    def close_dead_letters(self, keys: Sequence[Key], how: Closure) -> None:
        self._guarded("close_dead_letters", lambda: self.real.close_dead_letters(keys, how))

    def _guarded(self, what: str, write: Callable[[], Any]) -> Any:
        self._danger(f"before {what}")
        answer = write()
        self._danger(f"after {what}")
        return answer


def ledger_key(key: Key) -> bytes:
    """The hash by which the ledger knows `key`."""
    return KeyHasher(HASH_KEY).ledger_key(key)
