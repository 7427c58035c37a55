"""All that the state knows of one mapping, as jobs and commands use it.

The rule: what becomes certain together is written together, in one transaction: a checkpoint never passes a row that is
neither in the ledger nor a dead letter (contract §7).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from etl.batch.event import Event
from etl.checkpoint import Backfill, BackfillSpec, Checkpoint, LastRun
from etl.clock import Clock
from etl.dead_letter import Closure, DeadLetter
from etl.page import Key, Position, Scalar
from etl.state.checkpoints import Checkpoints
from etl.state.database import Database, Transaction
from etl.state.dead_letters import DeadLetters
from etl.state.fingerprint import confirm, fingerprint_text
from etl.state.ledger import Entry, Ledger
from etl.state.lock import Holder, Lock
from etl.state.runs import EARLIER_KEPT, KEPT, RunRecord, Runs


class RejectedEvent(Protocol):
    """An event that the API refused, with the reason's code and its words."""

    @property
    def event(self) -> Event:
        """The event."""

    @property
    def reason(self) -> str:
        """The code."""

    @property
    def words(self) -> str:
        """What the API said."""


class Settled(Protocol):
    """What became certain since the last commit; `position` is None when the settled prefix did not move."""

    @property
    def accepted(self) -> Sequence[Event]:
        """Events that the API took."""

    @property
    def rejected(self) -> Sequence[RejectedEvent]:
        """Events that it refused for good."""

    @property
    def position(self) -> Position | None:
        """Where the checkpoint may move."""


class Locks(Protocol):
    """Makes and looks at the locks of one mapping."""

    def lock(self, track: str) -> Lock:
        """A lock, not taken yet."""

    def holder(self, track: str) -> Holder | None:
        """Who holds it now."""

    def note_run(self, run: LastRun) -> None:
        """Note a finished run outside of the state."""

    def noted_run(self) -> LastRun | None:
        """The last run that was noted."""


class MappingState:
    """The state of one mapping. One thread writes; another may call `same`, `next_stamp` and the other readers."""

    def __init__(  # noqa: PLR0913 - what the store shares with every mapping
        self,
        database: Database,
        *,
        name: str,
        mapping_id: int,
        hash_key: bytes,
        clock: Clock,
        locks: Locks,
        writable: bool,
    ) -> None:
        self.name: Final = name
        self.hash_key: Final = hash_key
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._clock: Final = clock
        self._locks: Final = locks
        self._writable: Final = writable
        self._checkpoints: Final = Checkpoints(database, mapping_id, hash_key, clock)
        self._ledger: Final = Ledger(database, mapping_id)
        self._letters: Final = DeadLetters(database, mapping_id, hash_key)
        self._runs: Final = Runs(database, mapping_id, clock)
        self._run_ids: Final[dict[int, str]] = {}
        self._unsaved_stamps: Final = itertools.count(1)

    # What a run reads

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        """The checkpoint of `track`; None before the first run. Raises `StateUnusable` for a damaged one."""
        return self._checkpoints.get(track)

    def same(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> list[bool]:
        """For each of `ledger_keys`, whether the last accepted event has the digest that stands beside it."""
        return self._ledger.same(ledger_keys, digests)

    def refused(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """The digest of the refused event of each of `ledger_keys` with an open dead letter that speaks of one."""
        return self._letters.refused(ledger_keys)

    def field_names(self, wanted: Sequence[str]) -> Sequence[str]:
        """The fields that have marks, in the order of the marks: those of before, then what is new of `wanted`."""
        if not self._writable:
            return self._ledger.field_names(wanted)
        with self._database.transaction() as transaction:
            return self._ledger.field_names(wanted, transaction)

    def next_stamp(self) -> int:
        """A number above all that were given before, to any process; take it before a page is read."""
        if not self._writable:
            return next(self._unsaved_stamps)
        with self._database.transaction() as transaction:
            sql = "UPDATE etl_mapping SET stamp = stamp + 1 WHERE mapping_id = ? RETURNING stamp"
            return int(transaction.rows(sql, (self._mapping_id,))[0][0])

    # What a run writes

    def settle(self, settlement: Settled, *, track: str, run_no: int) -> list[Event]:
        """Record what became certain, in one transaction: ledger, dead letters, then the checkpoint of `track`.

        Returns the accepted events that are older than what the ledger holds of their key: the receiver may now have
        the older version, so they are open dead letters `overtaken` already, and `retry` sends the row as it is then.
        Raises `StateUnusable`; then nothing of it was recorded.
        """
        self._assert_writable()
        with self._database.transaction("save progress in") as transaction:
            overtaken = self._settle_events(transaction, settlement, run_no)
            if settlement.position is not None:
                self._checkpoints.set(transaction, track, settlement.position, self._run_id(run_no))
        return overtaken

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool = True) -> None:
        """Open dead letters durably. Call it before the checkpoint passes their rows. Raises `StateUnusable`.

        tried_again: False leaves an open one alone that says the same: nobody tried anew, the row was only read again.
        """
        self._assert_writable()
        with self._database.transaction("save dead letters in") as transaction:
            self._letters.open(transaction, dead_letters, tried_again=tried_again)

    def close_unchanged(self, ledger_keys: Sequence[bytes]) -> None:
        """Close open dead letters of rows that are now as the receiver has them. Costs nothing when none is open."""
        self._assert_writable()
        if late := self._letters.among(self._database, ledger_keys):
            with self._database.transaction() as transaction:
                self._letters.close(transaction, late, "accepted", self._clock.utc_now())

    def set_checkpoint(
        self,
        track: str,
        position: Position | None,
        *,
        run_id: str = "",
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        """Move the checkpoint of `track`, whatever it was. `fingerprint`, when given, replaces the stored one."""
        self._assert_writable()
        with self._database.transaction("move the checkpoint in") as transaction:
            self._checkpoints.set(transaction, track, position, run_id)
            if fingerprint is not None:
                self._save_fingerprint(transaction, fingerprint)

    def confirm_fingerprint(self, fingerprint: Mapping[str, str]) -> None:
        """Store what gives the cursor its meaning, the first time; afterwards compare.

        Raises `StateUnusable` naming every difference.
        """
        sql = "SELECT fingerprint FROM etl_mapping WHERE mapping_id = ?"
        rows = self._database.rows(sql, (self._mapping_id,))
        stored = rows[0][0] if rows else None
        if stored is not None:
            confirm(stored, fingerprint, mapping=self.name, place=self._database.place)
        elif self._writable:
            with self._database.transaction() as transaction:
                self._save_fingerprint(transaction, fingerprint)

    def reset(self, *, keep_ledger: bool = False) -> None:
        """Forget checkpoints, backfills, fingerprint and dead letters, and the ledger too unless it is to be kept.

        Without the ledger, every row that is read is sent again. The records of runs stay.
        """
        self._assert_writable()
        with self._database.transaction("reset a mapping in") as transaction:
            self._checkpoints.forget(transaction)
            self._letters.forget(transaction, closed_before=None)
            transaction.run("UPDATE etl_mapping SET fingerprint = NULL WHERE mapping_id = ?", (self._mapping_id,))
            if not keep_ledger:
                self._ledger.clear(transaction)

    # Runs and locks

    def lock(self, track: str) -> Lock:
        """A context manager that holds the mapping's `track` ("run" or "backfill") for this process.

        Entering it raises `MappingLocked` naming the holder, in well under a second.
        """
        self._assert_writable()
        return self._locks.lock(track)

    def holder(self, track: str = "run") -> Holder | None:
        """Who holds `track` now, without taking it; None when nobody does."""
        return self._locks.holder(track)

    def start_run(self, *, run_id: str, command: str, before: Mapping[str, object] | None) -> int:
        """Open a run's record, and drop what is older than 400 days. Returns the run's number in the state."""
        self._assert_writable()
        with self._database.transaction("record a run in") as transaction:
            self._letters.forget(transaction, closed_before=self._clock.utc_now() - KEPT)
            run_no = self._runs.start(transaction, run_id=run_id, command=command, before=before)
            self._ledger.forget_runs(transaction, started_before=(self._clock.utc_now() - EARLIER_KEPT).isoformat())
        self._run_ids[run_no] = run_id
        return run_no

    def finish_run(self, run_no: int, summary: Mapping[str, object]) -> None:
        """Close a run's record with its summary (contract §5)."""
        self._assert_writable()
        with self._database.transaction("record a run in") as transaction:
            self._runs.finish(transaction, run_no, summary)
        sent = summary.get("sent")
        run = LastRun(self._run_id(run_no), self._clock.utc_now(), sent if isinstance(sent, int) else 0)
        self._locks.note_run(run)

    def record_run(self, *, run_id: str, command: str, summary: Mapping[str, object]) -> None:
        """Record a run that ended before its record was opened; nothing when it has one."""
        if not self._runs.knows(run_id):
            self.finish_run(self.start_run(run_id=run_id, command=command, before=None), summary)

    def forgotten_run(self) -> LastRun | None:
        """The last run that was finished with this state file, if the state knows nothing of it; None mostly.

        Then the state was restored from an older backup, or lost: what was sent since is sent again (D15).
        """
        noted = self._locks.noted_run()
        if noted is None or noted.finished_at < self._clock.utc_now() - KEPT or self._runs.knows(noted.run_id):
            return None
        return noted

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The latest runs, newest first; one whose process is gone without a word is shown as "died"."""
        return self._runs.listed(limit, self.holder)

    # Dead letters and ledger, for people

    def open_dead_letters(self, reason: str | None = None, limit: int | None = None) -> list[DeadLetter]:
        """Open dead letters, oldest first."""
        return self._letters.listed(reason, limit)

    def dead_letters_of(self, key: Key) -> list[tuple[DeadLetter, Closure | None]]:
        """The dead letters that `key` ever had, oldest first, each with how it was closed (None: open)."""
        return self._letters.of_key(key)

    def dead_letter_counts(self) -> Counter[str]:
        """How many dead letters are open, by reason."""
        return self._letters.counts()

    def close_dead_letters(self, keys: Iterable[Key], how: Closure) -> None:
        """Close the open dead letters of `keys`."""
        self._assert_writable()
        with self._database.transaction() as transaction:
            self._letters.close(transaction, map(self._letters.ledger_key, keys), how, self._clock.utc_now())

    def last_accepted(self, key: Key) -> tuple[Entry, RunRecord | None] | None:
        """What the ledger knows of `key`, and the run that sent it; None for a run whose record is gone."""
        entry = self._ledger.entry(self._letters.ledger_key(key))
        if entry is None:
            return None
        return entry, None if entry.run_no is None else self._runs.numbered(entry.run_no, self.holder)

    def earlier_runs(self, key: Key) -> list[RunRecord]:
        """The runs of the last two months that sent an event of `key` which a later run replaced, newest first."""
        return self._runs.earlier(self._letters.ledger_key(key), self.holder)

    def ledger_size(self) -> int:
        """How many keys the ledger holds."""
        return self._ledger.size()

    # Backfills

    def backfills(self) -> list[Backfill]:
        """Every backfill of the mapping, oldest first."""
        return self._checkpoints.backfills()

    def backfill(self, start: Scalar, end: Scalar, step: str, *, restart: bool = False) -> Backfill:
        """The latest backfill of this range and step, made when there is none or `restart` asks for a new one."""
        spec = BackfillSpec(start, end, step)
        found = self._checkpoints.backfill(spec)
        if found is not None and not restart:
            return found
        self._assert_writable()
        with self._database.transaction("record a backfill in") as transaction:
            if found is not None:
                self._checkpoints.forget(transaction, found.track)
            self._checkpoints.start_backfill(transaction, spec)
        return self.backfill(start, end, step)

    def enter_window(self, backfill: Backfill, window_at: Scalar, *, windows_done: int) -> None:
        """Record that the window beginning at `window_at` is the current one; its position begins anew."""
        self._assert_writable()
        with self._database.transaction("save progress in") as transaction:
            self._checkpoints.enter_window(transaction, backfill.track, window_at, windows_done=windows_done)

    def finish_backfill(self, backfill: Backfill, *, windows_done: int) -> None:
        """Record that every window of `backfill` is complete."""
        self._assert_writable()
        with self._database.transaction("save progress in") as transaction:
            self._checkpoints.finish_backfill(transaction, backfill.track, windows_done=windows_done)

    def _settle_events(self, transaction: Transaction, settlement: Settled, run_no: int) -> list[Event]:
        now, run_id = self._clock.utc_now(), self._run_id(run_no)
        accepted, rejected = settlement.accepted, settlement.rejected
        # An event that was read before the one that the ledger holds of its key. Refused, it does not matter any more.
        recorded = self._ledger.recorded_stamp(transaction)
        judged = (*accepted, *(each.event for each in rejected))
        late = self._ledger.overtaken(transaction, judged, recorded_stamp=recorded)
        entries = [event for event in accepted if event.ledger_key]
        if entries:
            self._ledger.record(transaction, entries, run_no=run_no, recorded_stamp=recorded)
        if accepted and self._letters.any_open(transaction):
            keys = [event.ledger_key or self._letters.ledger_key(event.key) for event in accepted]
            self._letters.close(transaction, self._letters.among(transaction, keys), "accepted", now)
        overtaken = [event for event in accepted if event in late] if late else []
        # The receiver may now hold the older version: with the entry gone, whoever reads the row next sends it again.
        self._ledger.forget(transaction, [event.ledger_key for event in overtaken])
        letters = [_letter(event, "overtaken", _OVERTAKEN, now, run_id, digest=b"") for event in overtaken]
        if rejected:
            taken = {event.key: event.seq for event in accepted}
            letters.extend(
                _letter(each.event, each.reason, each.words, now, run_id, digest=each.event.digest)
                for each in rejected
                if taken.get(each.event.key, -1) < each.event.seq and each.event not in late
            )
        if letters:
            self._letters.open(transaction, letters)
        return overtaken

    def _save_fingerprint(self, transaction: Transaction, fingerprint: Mapping[str, str]) -> None:
        sql = "UPDATE etl_mapping SET fingerprint = ? WHERE mapping_id = ?"
        transaction.run(sql, (fingerprint_text(fingerprint), self._mapping_id))

    def _run_id(self, run_no: int) -> str:
        if run_no not in self._run_ids:
            self._run_ids[run_no] = self._runs.run_id(run_no)
        return self._run_ids[run_no]

    def _assert_writable(self) -> None:
        assert self._writable, "the state was opened for reading only"


_OVERTAKEN = "a newer version of the row was accepted while this one was on its way"


def _letter(event: Event, reason: str, words: str, now: datetime, run_id: str, *, digest: bytes) -> DeadLetter:  # noqa: PLR0913
    return DeadLetter(
        key=event.key,
        reason=reason,
        words=words,
        attempts=1,
        opened_at=now,
        last_at=now,
        digest=digest,
        run_id=run_id,
    )
