"""Stores the checkpoint of each track (typed, exact, sealed), and the progress of each backfill.

The rule: a track has its own checkpoint, so that a backfill never moves the nightly one (D20).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from etl.checkpoint import NO_VALUE, Backfill, BackfillSpec, Checkpoint
from etl.clock import Clock
from etl.errors import AnotherSource, StateUnusable
from etl.exact import decode, encode, parse_position_text, position_text
from etl.page import Position, Scalar
from etl.state.database import Database, Transaction
from etl.state.suppressions import account_hash
from etl.state.trouble import DAMAGED_HINT, check_seal, seal

ACCOUNT: Final = "account"
# The parts of a fingerprint that name the receiver. All other parts say what the positions of a checkpoint mean.
_RECEIVER: Final = frozenset({ACCOUNT, "destination"})


_SUPPRESS_TOO = """INSERT INTO etl_suppression (account, identity, since)
    SELECT ?, identity, since FROM etl_suppression WHERE account = ? ON CONFLICT (account, identity) DO NOTHING"""


@dataclass(frozen=True, slots=True)
class FingerprintDifference:
    """A part of a fingerprint that differs: as stored and as it is now; None: missing on that side."""

    part: str
    was: str | None
    now: str | None

    @property
    def words(self) -> str:
        """The difference in words. Of an account only a hash is stored, so neither is shown."""
        if self.part == ACCOUNT:
            return "the account is another one"
        return f"{self.part} was {self.was or 'not set'}, is {self.now or 'not set'}"


class Binding:
    """The fingerprint of one mapping: compared at the start of a run, stored when something first depends on it."""

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes, *, mapping: str) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key
        self._mapping: Final = mapping
        # The parts of the fingerprint that are not stored yet, by name.
        self._unbound: dict[str, str] = {}

    def confirm(self, fingerprint: Mapping[str, str]) -> None:
        """Compare `fingerprint` with what is stored, and remember it for `bind`.

        Raises `StateUnusable` naming every difference.
        """
        differences = self.differences(fingerprint)
        if differences:
            raise AnotherSource(
                f"the checkpoint of {self._mapping} in {self._database.place} belongs to another source or account: "
                f"{'; '.join(one.words for one in differences)}",
                hint="a rehearsal wants a state of its own (--state PATH); a person decides about any other",
            )
        now, bound, before = self._hashed(fingerprint), self._bound(fingerprint), self._stored(self._database)
        self._unbound = {
            name: text
            for name, text in now.items()
            if name not in bound or (before.get(name, "").endswith(NO_VALUE) and before[name] != text)
        }

    def differences(self, fingerprint: Mapping[str, str]) -> list[FingerprintDifference]:
        """The differences between `fingerprint` and the stored one, sorted by the parts' names."""
        now, before = self._hashed(fingerprint), self._stored(self._database)
        return [
            FingerprintDifference(name, before.get(name), now.get(name))
            for name in sorted(self._bound(fingerprint))
            if not _agree(before.get(name), now.get(name))
        ]

    def adopt(self, fingerprint: Mapping[str, str]) -> None:
        """Store `fingerprint`, because a person says that rows and account are the same; copies suppressions too."""
        before = self.account
        with self._database.transaction("adopt a mapping in") as transaction:
            self.replace(transaction, fingerprint)
            after = self._hashed(fingerprint).get(ACCOUNT)
            if before is not None and after is not None and before != after:
                transaction.run(_SUPPRESS_TOO, (after, before))

    def _bound(self, fingerprint: Mapping[str, str]) -> set[str]:
        # The first position stores the source's parts, the first acceptance those of the receiver; either may come
        # first.
        before = self._stored(self._database)
        sorts = {each in _RECEIVER for each in before}
        return {name for name in {*before, *fingerprint} if (name in _RECEIVER) in sorts}

    def bind(self, transaction: Transaction, *, receiver: bool) -> None:
        """Store the parts not stored yet: those of the source and, with `receiver`, those of the receiver."""
        new = {name: text for name, text in self._unbound.items() if receiver or name not in _RECEIVER}
        if new:
            self._save(transaction, {**self._stored(transaction), **new})
            self._unbound = {name: text for name, text in self._unbound.items() if name not in new}

    def replace(self, transaction: Transaction, fingerprint: Mapping[str, str]) -> None:
        """Store `fingerprint`, because a person says so; the parts of the receiver only if some were stored before."""
        now, before = self._hashed(fingerprint), self._stored(transaction)
        receives = not _RECEIVER.isdisjoint(before)
        self._save(transaction, {name: text for name, text in now.items() if receives or name not in _RECEIVER})

    @property
    def account(self) -> str | None:
        """The hash of the account that accepted something; None before the first acceptance."""
        return self._stored(self._database).get(ACCOUNT)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The columns of the source's key; () before the first position."""
        key = self._stored(self._database).get("key", "")
        return tuple(key.split(", ")) if key else ()

    def forget(self, transaction: Transaction) -> None:
        """Forget the fingerprint, and failures of earlier nights, which say nothing of another source or account."""
        sql = "UPDATE etl_mapping SET fingerprint = NULL, lone_failures = NULL WHERE mapping_id = ?"
        transaction.run(sql, (self._mapping_id,))

    def _hashed(self, fingerprint: Mapping[str, str]) -> dict[str, str]:
        text = dict(fingerprint)
        if ACCOUNT in text:
            text[ACCOUNT] = account_hash(self._hash_key, text[ACCOUNT])
        return text

    def _stored(self, database: Database | Transaction) -> dict[str, str]:
        rows = database.rows("SELECT fingerprint FROM etl_mapping WHERE mapping_id = ?", (self._mapping_id,))
        if not rows or rows[0][0] is None:
            return {}
        try:
            return dict(json.loads(rows[0][0]))
        except (ValueError, TypeError):
            words = f"the state {self._database.place} is damaged: what it belongs to cannot be read"
            raise StateUnusable(words, hint=DAMAGED_HINT) from None

    def _save(self, transaction: Transaction, fingerprint: Mapping[str, str]) -> None:
        sql = "UPDATE etl_mapping SET fingerprint = ? WHERE mapping_id = ?"
        transaction.run(sql, (json.dumps(dict(fingerprint), sort_keys=True), self._mapping_id))


def _agree(before: str | None, now: str | None) -> bool:
    """Whether the parts agree; a column that had no value yet agrees with any spelling of its values."""
    if before is None or now is None:
        return before is now
    if NO_VALUE not in before + now:
        return before == now
    stems = [text.removesuffix(NO_VALUE) for text in (before, now)]
    return any(one == other or one.startswith(f"{other} ") for one, other in (stems, stems[::-1]))


_SAVE = """INSERT INTO etl_checkpoint (mapping_id, track, position, saved_at, run_id, seal) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (mapping_id, track) DO UPDATE SET position = excluded.position, saved_at = excluded.saved_at,
    run_id = excluded.run_id, seal = excluded.seal"""


class Checkpoints:
    """The checkpoints and backfills of one mapping."""

    def __init__(self, database: Database, mapping_id: int, hash_key: bytes, clock: Clock) -> None:
        self._database: Final = database
        self._mapping_id: Final = mapping_id
        self._hash_key: Final = hash_key
        self._clock: Final = clock

    def get(self, track: str) -> Checkpoint | None:
        """The checkpoint of `track`; None without one. Raises `StateUnusable` for a damaged one."""
        rows = self._database.rows(
            "SELECT position, saved_at, run_id, seal FROM etl_checkpoint WHERE mapping_id = ? AND track = ?",
            (self._mapping_id, track),
        )
        if not rows:
            return None
        position, saved_at, run_id, found = rows[0]
        parts = (self._mapping_id, track, position, saved_at, run_id)
        check_seal(self._hash_key, found, *parts, what=f"the checkpoint ({track})", place=self._database.place)
        return Checkpoint(
            None if position is None else parse_position_text(position), datetime.fromisoformat(saved_at), run_id
        )

    def set(self, transaction: Transaction, track: str, position: Position | None, run_id: str) -> None:
        """Save the checkpoint of `track`."""
        text = None if position is None else position_text(position)
        # Without a zone: `isoformat` of an aware time makes a new text at each call, and the interpreter keeps many of
        # them.
        saved_at = self._clock.utc_now().replace(tzinfo=None).isoformat() + "+00:00"
        row = (self._mapping_id, track, text, saved_at, run_id)
        transaction.run(_SAVE, (*row, seal(self._hash_key, *row)))

    def forget(self, transaction: Transaction, track: str | None = None) -> None:
        """Delete the checkpoint of `track`; None: every checkpoint and backfill."""
        if track is None:
            transaction.run("DELETE FROM etl_checkpoint WHERE mapping_id = ?", (self._mapping_id,))
            transaction.run("DELETE FROM etl_backfill WHERE mapping_id = ?", (self._mapping_id,))
        else:
            transaction.run("DELETE FROM etl_checkpoint WHERE mapping_id = ? AND track = ?", (self._mapping_id, track))

    def backfill(self, spec: BackfillSpec) -> Backfill | None:
        """The latest backfill of exactly this range and step; None when there was none."""
        found = [
            each for each in self.backfills() if each.spec == spec and encode(each.spec.start) == encode(spec.start)
        ]
        return found[-1] if found else None

    def backfills(self) -> list[Backfill]:
        """Every backfill of the mapping, oldest first."""
        sql = """SELECT backfill_id, spec, window_at, windows_done, started_at, finished_at FROM etl_backfill
            WHERE mapping_id = ? ORDER BY backfill_id"""
        return [
            Backfill(
                spec=_spec(spec),
                track=f"backfill:{backfill_id}",
                window_at=None if window_at is None else decode(json.loads(window_at)),
                windows_done=windows_done,
                started_at=datetime.fromisoformat(started_at),
                finished_at=None if finished_at is None else datetime.fromisoformat(finished_at),
            )
            for backfill_id, spec, window_at, windows_done, started_at, finished_at in self._database.rows(
                sql, (self._mapping_id,)
            )
        ]

    def start_backfill(self, transaction: Transaction, spec: BackfillSpec) -> None:
        """Record a new backfill."""
        transaction.run(
            "INSERT INTO etl_backfill (mapping_id, spec, started_at) VALUES (?, ?, ?)",
            (self._mapping_id, _spec_text(spec), self._clock.utc_now().isoformat()),
        )

    def enter_window(self, transaction: Transaction, track: str, window_at: Scalar, *, windows_done: int) -> None:
        """Record that the window that begins at `window_at` is the current one, and nothing of it is done yet."""
        self.forget(transaction, track)
        transaction.run(
            "UPDATE etl_backfill SET window_at = ?, windows_done = ? WHERE backfill_id = ?",
            (json.dumps(encode(window_at)), windows_done, _number(track)),
        )

    def finish_backfill(self, transaction: Transaction, track: str, *, windows_done: int) -> None:
        """Record that every window is complete."""
        self.forget(transaction, track)
        transaction.run(
            "UPDATE etl_backfill SET finished_at = ?, windows_done = ? WHERE backfill_id = ?",
            (self._clock.utc_now().isoformat(), windows_done, _number(track)),
        )


def _number(track: str) -> int:
    return int(track.removeprefix("backfill:"))


def _spec_text(spec: BackfillSpec) -> str:
    return json.dumps({"start": encode(spec.start), "end": encode(spec.end), "step": spec.step})


def _spec(text: str) -> BackfillSpec:
    found = json.loads(text)
    return BackfillSpec(decode(found["start"]), decode(found["end"]), found["step"])
