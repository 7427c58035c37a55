"""Checkpoints by track, typed, exact and sealed; and how far each backfill has come.

The rule: a track has its own checkpoint, so that a backfill never moves the nightly one (failure-modes D20).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

from etl.checkpoint import Backfill, BackfillSpec, Checkpoint
from etl.clock import Clock
from etl.exact import decode, encode, parse_position_text, position_text
from etl.page import Position, Scalar
from etl.state.database import Database, Transaction
from etl.state.seal import check_seal, seal

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
        # With a zone `isoformat` asks it for `utcoffset` by a new text each time, and the interpreter keeps many.
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
