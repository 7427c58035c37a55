"""The state of one mapping, as jobs and commands use it.

The rule: all that one settlement settles is written in one transaction, so a checkpoint never passes a row that is
neither in the ledger nor a dead letter.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from etl.checkpoint import Backfill, BackfillSpec, Checkpoint, LastRun
from etl.clock import Clock
from etl.dead_letter import Closure, DeadLetter
from etl.event.event import Event
from etl.page import Key, Position, Scalar
from etl.state.answers import Answers
from etl.state.checkpoints import Binding, Checkpoints
from etl.state.database import Database, Transaction
from etl.state.dead_letters import NOW, DeadLetters
from etl.state.decisions import Decisions
from etl.state.doubts import Doubts
from etl.state.erasing import Erasing
from etl.state.ledger import Ledger
from etl.state.lock import Holder, Lock, Locks
from etl.state.lone_failures import LoneFailures
from etl.state.mapped import Mapped
from etl.state.memory import Memory
from etl.state.runs import EARLIER_KEPT, KEPT, RunRecord, Runs, track_of
from etl.state.settling import Recorder, Settled, Settling


class MappingState:
    """The state of one mapping. One thread writes; another may call `doubt`, `next_stamp` and the readers."""

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
        self.place: Final = database.named
        self.hash_key: Final = hash_key
        self._database: Final = database
        self.mapping_id: Final = mapping_id
        self._clock: Final = clock
        self.locks: Final = locks
        self._writable: Final = writable
        self.binding: Final = Binding(database, mapping_id, hash_key, mapping=name)
        self._checkpoints: Final = Checkpoints(database, mapping_id, hash_key, clock)
        self._ledger: Final = Ledger(database, mapping_id)
        self._doubts: Final = Doubts(database, mapping_id)
        self.letters: Final = DeadLetters(database, mapping_id, hash_key)
        self.answers: Final = Answers(database, mapping_id, hash_key)
        self.history: Final = Runs(database, mapping_id, clock)
        self.mapped: Final = Mapped(database, mapping_id, hash_key)
        self.decisions: Final = Decisions(database, clock)
        self.lone: Final = LoneFailures(database, mapping_id, hash_key, clock)
        self.erasing: Final = Erasing(database, mapping_id, self.letters.ledger_key)
        self.memory: Final = Memory(self._ledger, self.history, ledger_key=self.letters.ledger_key, holder=self.holder)
        self._settling: Final = Settling(self._ledger, self._doubts, self.letters, clock)
        self._run_ids: Final[dict[int, str]] = {}
        # This process's run, and the run of the other track that was at work when it began; None: there was none.
        self._run_no: int | None = None
        self._run_beside: int | None = None
        self._unsaved_stamps: Final = itertools.count(1)

    # What a run reads

    def checkpoint(self, track: str = "run") -> Checkpoint | None:
        """The checkpoint of `track`; None before the first run. Raises `StateUnusable` for a damaged one."""
        return self._checkpoints.get(track)

    def compare(self, ledger_keys: Sequence[bytes], digests: Sequence[bytes]) -> tuple[list[bool], list[bool]]:
        """For each of `ledger_keys`: whether its last event surely has the digest, and whether it may have another.

        Both are False if nothing was accepted yet, or the ledger no longer counts (`begin_anew`). A key in doubt may
        always have another event.
        """
        same, other = self._ledger.compare(ledger_keys, digests, trusted_after=self._trusted_after())
        doubted = self._doubts.of_others(self._run_no)
        if doubted and not doubted.keys().isdisjoint(ledger_keys):
            stamps = self._ledger.stamps(doubted.keys() & ledger_keys)
            for at, key in enumerate(ledger_keys):
                if key in doubted and stamps.get(key, doubted[key]) < doubted[key]:
                    same[at], other[at] = False, True
        return same, other

    def earlier(self, known: Iterable[bytes], others: Iterable[bytes]) -> dict[bytes, tuple[bytes, bytes]]:
        """Digest and marks of the entries of `known`; of `others` too if some entries of the ledger no longer count."""
        return self._ledger.contents([*known, *(others if self._trusted_after() >= 0 else ())])

    def doubt(self, ledger_keys: Iterable[bytes], *, stamp: int) -> None:
        """Record durably that changed events of the page read at `stamp` may leave.

        Their ledger entries are then in doubt until the page is settled or a later event is accepted. Raises
        `StateUnusable`.
        """
        self._assert_writable()
        assert self._run_no is not None, "events leave in a run"
        with self._database.transaction("save progress in", synced=True) as transaction:
            self._doubts.add_page(transaction, self._run_no, stamp, ledger_keys)

    def refused(self, ledger_keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """By key, the digest of the refused event, for each of `ledger_keys` with an open dead letter of one."""
        return self.letters.refused(ledger_keys)

    def field_names(self, wanted: Sequence[str]) -> Sequence[str]:
        """The fields that have marks, in the order of the marks: the stored ones, then new ones of `wanted`."""
        if not self._writable:
            return self._ledger.field_names(wanted)
        with self._database.transaction() as transaction:
            return self._ledger.field_names(wanted, transaction)

    def next_stamp(self) -> int:
        """A number above all that were given before to any process; to be taken before a page is read."""
        if not self._writable:
            return next(self._unsaved_stamps)
        with self._database.transaction() as transaction:
            stamp = self._next_stamp(transaction)
        if self._run_no is not None:
            # Noted each time, so that a state restored from a backup after this run died can be recognised: it never
            # gave this stamp.
            self._note(self._run_no, stamp)
        return stamp

    # What a run writes

    def settle(self, settlement: Settled, *, track: str, run_no: int) -> list[Event]:
        """Record `settlement` in one transaction: ledger, doubts, dead letters, the checkpoint of `track`.

        Returns the events that a newer one may have overtaken; they are open dead letters `overtaken` by now. Raises
        `StateUnusable`; then nothing of it was recorded.
        """
        self._assert_writable()
        with self._database.transaction("save progress in") as transaction:
            overtaken = self._settling.settle(transaction, settlement, self._recorder(transaction, run_no))
            self.answers.record(transaction, settlement.answers, track=track, run_no=run_no)
            if settlement.position is not None:
                self._checkpoints.set(transaction, track, settlement.position, self._run_id(run_no))
            if settlement.accepted or settlement.position is not None:
                self.binding.bind(transaction, receiver=bool(settlement.accepted))
        return overtaken

    def bury(self, dead_letters: Iterable[DeadLetter], *, tried_again: bool = True) -> None:
        """Open dead letters durably. Call it before the checkpoint passes their rows. Raises `StateUnusable`.

        tried_again: False: the rows were only read again, so an open letter with the same reason and words stays as it
        is. A letter is dropped if an event of a later reading of its row was accepted.
        """
        self._assert_writable()
        with self._database.transaction("save dead letters in") as transaction:
            letters = {self.letters.ledger_key(letter.key): letter for letter in dead_letters}
            accepted = self._ledger.stamps((key for key, one in letters.items() if one.stamp), transaction)
            open_ones = [one for key, one in letters.items() if accepted.get(key, one.stamp) <= one.stamp]
            self.letters.open(transaction, open_ones, tried_again=tried_again)

    def close_unchanged(self, ledger_keys: Sequence[bytes], *, stamp: int = NOW) -> None:
        """Close the open dead letters of rows that, read at `stamp`, were identical to what was accepted last.

        Costs nothing when none is open.
        """
        self._assert_writable()
        if late := self.letters.among(self._database, ledger_keys):
            with self._database.transaction() as transaction:
                self.letters.close(transaction, dict.fromkeys(late, stamp), "accepted", self._clock.utc_now())

    def set_checkpoint(
        self,
        track: str,
        position: Position | None,
        *,
        run_id: str = "",
        fingerprint: Mapping[str, str] | None = None,
    ) -> None:
        """Move the checkpoint of `track`, forward or back; with `fingerprint`, store that too."""
        self._assert_writable()
        with self._database.transaction("move the checkpoint in") as transaction:
            self._checkpoints.set(transaction, track, position, run_id)
            if fingerprint is not None:
                self.binding.replace(transaction, fingerprint)
            elif position is not None:
                self.binding.bind(transaction, receiver=False)

    def confirm_fingerprint(self, fingerprint: Mapping[str, str]) -> None:
        """Compare with the stored fingerprint. Raises `StateUnusable` naming every difference."""
        self.binding.confirm(fingerprint)

    def reset(self, *, keep_ledger: bool = False) -> None:
        """Forget everything but the records of runs; `keep_ledger` keeps the ledger, so that no row is sent again."""
        self._assert_writable()
        with self._database.transaction("reset a mapping in") as transaction:
            self._checkpoints.forget(transaction)
            self.letters.forget(transaction, closed_before=None)
            self.binding.forget(transaction)
            if not keep_ledger:
                self._ledger.clear(transaction)
                self.mapped.begin_anew(transaction)
                self._doubts.clear(transaction)
                self.answers.clear(transaction)

    def begin_anew(self, track: str, *, run_id: str) -> None:
        """Begin a full refresh: the checkpoint goes to the first row, and ledger entries so far no longer count.

        `track` keeps the old checkpoint until `end_anew`.
        """
        self._assert_writable()
        before = self.checkpoint()
        with self._database.transaction("begin a full refresh in") as transaction:
            self._checkpoints.set(transaction, track, None if before is None else before.position, run_id)
            self._checkpoints.set(transaction, "run", None, run_id)
            self.mapped.begin_anew(transaction)
            self._distrust(transaction)

    def end_anew(self, track: str) -> None:
        """The full refresh of `track` is complete."""
        self._assert_writable()
        with self._database.transaction("save progress in") as transaction:
            self._checkpoints.forget(transaction, track)

    # Runs and locks

    def lock(self, track: str) -> Lock:
        """A context manager that holds the mapping's `track` ("run" or "backfill") for this process.

        Entering it raises `MappingLocked` naming the holder, in well under a second.
        """
        self._assert_writable()
        return self.locks.lock(track)

    def holder(self, track: str = "run") -> Holder | None:
        """Who holds `track` now, without taking it; None when no process does."""
        return self.locks.holder(track)

    def start_run(self, *, run_id: str, command: str, before: Mapping[str, object] | None) -> int:
        """Open a run's record, and drop what is older than 400 days. Returns the run's number in the state."""
        self._assert_writable()
        with self._database.transaction("record a run in") as transaction:
            self.letters.forget(transaction, closed_before=self._clock.utc_now() - KEPT)
            run_no = self.history.start(transaction, run_id=run_id, command=command, before=before)
            self._ledger.forget_runs(transaction, started_before=(self._clock.utc_now() - EARLIER_KEPT).isoformat())
            if self.forgotten_run() is not None:
                # What was sent since the backup is unknown, so the receiver may have newer events than the ledger.
                self._distrust(transaction)
        self._run_ids[run_no], self._run_no = run_id, run_no
        self._run_beside = self.history.beside(run_no, track_of(command), self.holder)
        if self._run_beside is None:  # otherwise its events under way may still get their entries
            self._settling.tidy(self._database)
        self._note(run_no, self._stamp())
        return run_no

    def finish_run(self, run_no: int, summary: Mapping[str, object], *, unanswered: list[Event] | None = None) -> None:
        """Close a run's record with its summary.

        unanswered: the events that left and whose fate is unknown; None: there are none, so the run's doubts are
        removed.
        """
        self._assert_writable()
        with self._database.transaction("record a run in") as transaction:
            self.history.finish(transaction, run_no, summary)
            if unanswered is None:
                self._doubts.run_ended(transaction, run_no)
            else:
                self._settling.leave_open(transaction, unanswered, self._recorder(transaction, run_no))
        sent = summary.get("sent")
        self._note(run_no, self._stamp(), sent=sent if isinstance(sent, int) else 0)

    def record_run(self, *, run_id: str, command: str, summary: Mapping[str, object]) -> None:
        """Record a run that ended before its record was opened; nothing when it has one."""
        if not self.history.knows(run_id):
            self.finish_run(self.start_run(run_id=run_id, command=command, before=None), summary)

    def forgotten_run(self) -> LastRun | None:
        """The last run with this state file, if the state has no complete record of it; otherwise None.

        Then the state was lost, or restored from an older backup: what was sent since is sent again (D15).
        """
        noted = self.locks.noted_run()
        if noted is None or noted.noted_at < self._clock.utc_now() - KEPT or noted.stamp <= self._stamp():
            return None
        return noted

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The latest runs, newest first; a run whose process ended without closing its record is shown as "died"."""
        return self.history.listed(limit, self.holder)

    # Dead letters and ledger, for people

    def open_dead_letters(self, reason: str | None = None, limit: int | None = None) -> list[DeadLetter]:
        """Open dead letters, oldest first."""
        return self.letters.listed(reason, limit)

    def open_dead_letter_keys(self, reason: str | None = None, limit: int | None = None) -> list[Key]:
        """The keys of open dead letters, oldest first; with a limit of those whose last attempt is the longest ago."""
        return self.letters.keys(reason, limit)

    def dead_letters_of(self, key: Key) -> list[tuple[DeadLetter, Closure | None]]:
        """The dead letters that `key` ever had, oldest first, each with how it was closed (None: open)."""
        return self.letters.of_key(key)

    def dead_letter_counts(self) -> Counter[str]:
        """How many dead letters are open, by reason."""
        return self.letters.counts()

    def close_dead_letters(self, keys: Iterable[Key], how: Closure) -> None:
        """Close the open dead letters of `keys`."""
        self._assert_writable()
        with self._database.transaction() as transaction:
            closed = dict.fromkeys(map(self.letters.ledger_key, keys), NOW)
            self.letters.close(transaction, closed, how, self._clock.utc_now())

    def in_doubt(self, key: Key) -> bool:
        """Whether the receiver may have a newer event of `key` than the ledger knows."""
        ledger_key = self.letters.ledger_key(key)
        entry, doubted = self._ledger.entry(ledger_key), self._doubts.of_others(None).get(ledger_key, -1)
        return entry is not None and (entry.stamp <= self._trusted_after() or entry.stamp < doubted)

    def doubt_count(self) -> int:
        """How many keys are in doubt."""
        doubted = self._doubts.of_others(None)
        return sum(stamp < doubted[key] for key, stamp in self._ledger.stamps(doubted).items())

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

    def _trusted_after(self) -> int:
        if not self._writable and self.forgotten_run() is not None:
            return self._stamp()  # what the next run would set
        sql = "SELECT trusted_after FROM etl_mapping WHERE mapping_id = ?"
        rows = self._database.rows(sql, (self.mapping_id,))
        return int(rows[0][0]) if rows else -1

    def _stamp(self) -> int:
        rows = self._database.rows("SELECT stamp FROM etl_mapping WHERE mapping_id = ?", (self.mapping_id,))
        return int(rows[0][0]) if rows else 0

    def _note(self, run_no: int, stamp: int, *, sent: int = 0) -> None:
        self.locks.note_run(LastRun(self._run_id(run_no), self._clock.utc_now(), stamp, sent))

    def _distrust(self, transaction: Transaction) -> None:
        sql = "UPDATE etl_mapping SET trusted_after = ? WHERE mapping_id = ?"
        transaction.run(sql, (self._next_stamp(transaction), self.mapping_id))

    def _next_stamp(self, transaction: Transaction) -> int:
        sql = "UPDATE etl_mapping SET stamp = stamp + 1 WHERE mapping_id = ? RETURNING stamp"
        return int(transaction.rows(sql, (self.mapping_id,))[0][0])

    def _recorder(self, transaction: Transaction, run_no: int) -> Recorder:
        others = self.history.overlapping(transaction, run_no, self._run_beside)
        # Called before anything is read: on a server it locks the mapping's row, so no other run records anything until
        # the transaction ends.
        return Recorder(run_no, self._run_id(run_no), others, self._next_stamp(transaction) if others else 0)

    def _run_id(self, run_no: int) -> str:
        return self._run_ids.get(run_no) or self._run_ids.setdefault(run_no, self.history.run_id(run_no))

    def _assert_writable(self) -> None:
        assert self._writable, "the state was opened for reading only"
