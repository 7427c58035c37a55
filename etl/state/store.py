"""The state as the rest of the product sees it: a store of mappings, and what is known of each.

The rule: whatever a batch brought about is recorded in one transaction, and the checkpoint never without what it passes.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import sqlalchemy as sa

from etl.batch.event import Event
from etl.checkpoint import Checkpoint
from etl.clock import Clock
from etl.dead_letter import Closure, DeadLetter
from etl.delivery.settlement import Settlement
from etl.errors import StateUnusable
from etl.exact import parse_position_text, position_text
from etl.page import Key, Position
from etl.state import sqlite
from etl.state.database import Database, Transaction
from etl.state.dead_letters import DeadLetters
from etl.state.ledger import Ledger
from etl.state.lock import Holder, hold, holder, lock_path
from etl.state.postgresql import open_postgresql
from etl.state.runs import RunRecord, Runs
from etl.state.schema import upgrade
from etl.state.seal import check_seal, seal

HASH_KEY_BYTES = 32


def open_state(location: str, *, clock: Clock, write: bool) -> StateStore:
    """The state at `location`: a path, or the URL of a PostgreSQL database.

    write False: nothing is changed or made; a state that does not exist is an empty one.

    Raises:
        StateUnusable: damaged, foreign, newer, or not writable.
    """
    with ExitStack() as stack:
        database, path = _opened(location, write=write, stack=stack)
        stack.callback(database.close, sqlite.at_rest() if write and path is not None else ())
        return StateStore(database, clock=clock, path=path, cleanup=stack.pop_all())


def _opened(location: str, *, write: bool, stack: ExitStack) -> tuple[Database, Path | None]:
    if "://" in location:
        url = sa.make_url(location)
        if url.get_backend_name() != "postgresql":
            raise StateUnusable("the state can be a file or a PostgreSQL database", hint="--state PATH or postgresql://…")
        found = open_postgresql(url.set(drivername="postgresql+psycopg"), write=write)
        return found or _nothing(), None
    path = Path(location)
    if not write:
        return sqlite.for_looking(path, lambda folder: stack.callback(sqlite.remove_folder, folder)) or _nothing(), path
    if sqlite.check_file(path) is None:
        sqlite.create(path, _fill)
    return sqlite.for_writing(path), path


def _nothing() -> Database:
    database = sqlite.memory()
    _fill(database)
    return database


def _fill(database: Database) -> None:
    with database.transaction("make") as transaction:
        upgrade(transaction, 0, postgresql=database.postgresql)


class StateStore(AbstractContextManager["StateStore"]):
    """All mappings of one state."""

    def __init__(self, database: Database, *, clock: Clock, path: Path | None, cleanup: ExitStack) -> None:
        self.place: Final = database.place
        self._database = database
        self._clock = clock
        self._path = path
        self._cleanup = cleanup
        self._hash_key = self._read_hash_key()

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the state."""
        self._cleanup.close()

    def names(self) -> list[str]:
        """The mappings that the state knows, by name."""
        return [str(row[0]) for row in self._database.rows("SELECT name FROM etl_mapping ORDER BY name")]

    def mapping(self, name: str) -> MappingState:
        """What is known of the mapping `name`; nothing at first."""
        return MappingState(self._database, name, clock=self._clock, path=self._path, hash_key=self._hash_key)

    def _read_hash_key(self) -> bytes:
        found = self._database.rows("SELECT value FROM etl_meta WHERE name = 'hash_key'")
        if found:
            return bytes.fromhex(found[0][0])
        fresh = os.urandom(HASH_KEY_BYTES)
        if self._database.writable:
            with self._database.transaction() as transaction:
                transaction.run(
                    "INSERT INTO etl_meta (name, value) VALUES ('hash_key', ?) ON CONFLICT (name) DO NOTHING",
                    (fresh.hex(),),
                )
            return bytes.fromhex(self._database.rows("SELECT value FROM etl_meta WHERE name = 'hash_key'")[0][0])
        return fresh


class MappingState:
    """The state of one mapping."""

    def __init__(self, database: Database, name: str, *, clock: Clock, path: Path | None, hash_key: bytes) -> None:
        self.name: Final = name
        self.hash_key: Final = hash_key
        self._database = database
        self._clock = clock
        self._path = path
        self._mapping_id = self._find_id()
        self._ledger = Ledger(database, self._mapping_id)
        self._letters = DeadLetters(database, self._mapping_id, hash_key)
        self._runs = Runs(database, self._mapping_id)

    def lock(self, track: str) -> AbstractContextManager[None]:
        """Hold the mapping's `track` for this process. Raises `MappingLocked` at once."""
        if self._path is None:
            return self._advisory_lock(track)
        return hold(lock_path(self._path, self.name, track), subject=self.name, now=self._clock.utc_now())

    def holder(self, track: str) -> Holder | None:
        """Who holds the lock; None when nobody does."""
        return None if self._path is None else holder(lock_path(self._path, self.name, track))

    def confirm_fingerprint(self, fingerprint: dict[str, str]) -> None:
        """Store it the first time. Raises `StateUnusable` naming each difference from what was stored (D11)."""
        rows = self._database.rows("SELECT fingerprint FROM etl_mapping WHERE mapping_id = ?", (self._mapping_id,))
        text = json.dumps(fingerprint, sort_keys=True)
        if rows and rows[0][0] is not None:
            known = json.loads(rows[0][0])
            differences = [
                f"{name} was {known.get(name, 'not set')}, is {fingerprint.get(name, 'not set')}"
                for name in sorted({*known, *fingerprint})
                if known.get(name) != fingerprint.get(name)
            ]
            if differences:
                raise StateUnusable(
                    f"the checkpoint of {self.name} belongs to another source: {'; '.join(differences)}",
                    hint=f"if that is meant, `state reset {self.name}` begins anew; otherwise undo the change",
                )
            return
        with self._database.transaction() as transaction:
            transaction.run("UPDATE etl_mapping SET fingerprint = ? WHERE mapping_id = ?", (text, self._mapping_id))

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        """The checkpoint of `track`; None before the first run. Raises `StateUnusable` for a damaged one."""
        rows = self._database.rows(
            "SELECT position, saved_at, run_id, seal FROM etl_checkpoint WHERE mapping_id = ? AND track = ?",
            (self._mapping_id, track),
        )
        if not rows:
            return None
        position, saved_at, run_id, found = rows[0]
        parts = (self.name, track, position, saved_at, run_id)
        check_seal(self.hash_key, found, *parts, what="a checkpoint", place=self._database.place)
        place = None if position is None else parse_position_text(position)
        return Checkpoint(place, datetime.fromisoformat(saved_at), run_id)

    def set_checkpoint(self, track: str, position: Position | None, *, run_id: str = "") -> None:
        """Move the checkpoint of `track`, whatever it was."""
        with self._database.transaction() as transaction:
            self._move(transaction, track, position, run_id)

    def forget_checkpoint(self, track: str) -> None:
        """Be as before the first run on `track`."""
        with self._database.transaction() as transaction:
            transaction.run(
                "DELETE FROM etl_checkpoint WHERE mapping_id = ? AND track = ?", (self._mapping_id, track)
            )

    def reset(self, *, ledger: bool = True) -> None:
        """Forget the mapping's checkpoints, dead letters and fingerprint, and its ledger when asked to."""
        with self._database.transaction() as transaction:
            transaction.run("DELETE FROM etl_checkpoint WHERE mapping_id = ?", (self._mapping_id,))
            transaction.run("UPDATE etl_mapping SET fingerprint = NULL WHERE mapping_id = ?", (self._mapping_id,))
            self._letters.forget(transaction, closed_before=None)
            if ledger:
                self._ledger.clear(transaction)

    def next_stamp(self) -> int:
        """A number above all that were given before."""
        with self._database.transaction() as transaction:
            rows = transaction.rows(
                "UPDATE etl_mapping SET stamp = stamp + 1 WHERE mapping_id = ? RETURNING stamp", (self._mapping_id,)
            )
        return int(rows[0][0])

    def digests(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The digest of the last accepted event of each known key."""
        return self._ledger.digests(ledger_keys)

    def ledger_size(self) -> int:
        """How many keys the ledger holds."""
        return self._ledger.size()

    def settle(self, settlement: Settlement, *, track: str, run_no: int) -> Sequence[Event]:
        """Record what became certain, in one transaction; returns the events that a newer version had overtaken."""
        now = self._clock.utc_now()
        with self._database.transaction() as transaction:
            entered = [event for event in settlement.accepted if event.ledger_key]
            overtaken = self._ledger.overtaken(transaction, entered) if track != "run" else []
            self._ledger.record(transaction, entered)
            keys = [event.ledger_key or self._letters.ledger_key(event.key) for event in settlement.accepted] if (
                self._letters.any_open(transaction)
            ) else []
            self._letters.close(transaction, self._letters.among(transaction, keys), "accepted", now)
            self._letters.open(
                transaction,
                [
                    DeadLetter(one.event.key, one.reason, one.words, 1, now, now, one.event.digest, str(run_no))
                    for one in settlement.rejected
                ],
            )
            if settlement.position is not None:
                self._move(transaction, track, settlement.position, str(run_no))
        return overtaken

    def bury(self, dead_letters: Iterable[DeadLetter]) -> None:
        """Open dead letters durably."""
        with self._database.transaction() as transaction:
            self._letters.open(transaction, dead_letters)

    def close_unchanged(self, ledger_keys: Sequence[bytes]) -> None:
        """Close the open dead letters of rows that are identical to what was accepted last."""
        found = self._letters.among(self._database, ledger_keys)
        if found:
            with self._database.transaction() as transaction:
                self._letters.close(transaction, found, "accepted", self._clock.utc_now())

    def open_dead_letters(self, *, reason: str | None = None, limit: int | None = None) -> list[DeadLetter]:
        """The open dead letters, oldest first."""
        return self._letters.listed(reason, limit)

    def close_dead_letters(self, keys: Sequence[Key], how: Closure) -> int:
        """Close those of `keys`; returns how many were open."""
        with self._database.transaction() as transaction:
            found = self._letters.among(transaction, [self._letters.ledger_key(key) for key in keys])
            self._letters.close(transaction, found, how, self._clock.utc_now())
        return len(found)

    def dead_letters_of(self, key: Key) -> list[tuple[DeadLetter, Closure | None]]:
        """Every dead letter that `key` had, and how it was closed."""
        return self._letters.of_key(key)

    def dead_letter_counts(self) -> Counter[str]:
        """How many are open, by reason."""
        return self._letters.counts()

    def start_run(self, *, run_id: str, command: str, before: dict[str, object] | None) -> int:
        """Open a run's record; returns its number."""
        now = self._clock.utc_now()
        with self._database.transaction() as transaction:
            self._letters.forget(transaction, closed_before=now.replace(year=now.year - 1))
            return self._runs.start(transaction, run_id=run_id, command=command, before=before, now=now)

    def finish_run(self, run_no: int, summary: dict[str, object]) -> None:
        """Close a run's record."""
        with self._database.transaction() as transaction:
            self._runs.finish(transaction, run_no, summary, now=self._clock.utc_now())

    def runs(self, limit: int) -> list[RunRecord]:
        """The last `limit` runs, newest first."""
        return self._runs.listed(limit)

    def _move(self, transaction: Transaction, track: str, position: Position | None, run_id: str) -> None:
        text = None if position is None else position_text(position)
        saved_at = self._clock.utc_now().isoformat()
        parts = (self.name, track, text, saved_at, run_id)
        transaction.run(
            "INSERT INTO etl_checkpoint (mapping_id, track, position, saved_at, run_id, seal) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (mapping_id, track) DO UPDATE SET position = excluded.position, "
            "saved_at = excluded.saved_at, run_id = excluded.run_id, seal = excluded.seal",
            (self._mapping_id, track, text, saved_at, run_id, seal(self.hash_key, *parts)),
        )

    def _find_id(self) -> int:
        sql = "SELECT mapping_id FROM etl_mapping WHERE name = ?"
        rows = self._database.rows(sql, (self.name,))
        if not rows and self._database.writable:
            with self._database.transaction() as transaction:
                transaction.run(
                    "INSERT INTO etl_mapping (name) VALUES (?) ON CONFLICT (name) DO NOTHING", (self.name,)
                )
            rows = self._database.rows(sql, (self.name,))
        return int(rows[0][0]) if rows else 0

    def _advisory_lock(self, track: str) -> AbstractContextManager[None]:
        raise NotImplementedError(track)

    _advisory: Callable[[], None] | None = None
