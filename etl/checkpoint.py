"""How far a mapping has come: every row at or below it was accepted, is unchanged or is a dead letter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etl.page import Position, Scalar

# Where the state lies unless an option says otherwise.
DEFAULT_STATE = ".etl/state.sqlite"
# If no run was done for so many hours, a person is needed, unless an option says otherwise: a day and two hours.
USUAL_HOURS = 26
# The end of a cursor's part in a fingerprint if the column had no value yet, so the spelling is unknown.
NO_VALUE = " (no value yet)"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved place in the order (cursor, key).

    position: None: the source has no cursor, or the mapping has begun but nothing was settled yet; every row is read.
    saved_at: aware, UTC. run_id: the run that saved it; "" when a person did (`state set`).
    """

    position: Position | None
    saved_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class LastRun:
    """The note about the latest run, kept outside of the state.

    noted_at: aware, UTC. stamp: the latest that the run had taken; a state that never gave it was restored from an
    older backup. sent: how many events it sent; 0 until it ended.
    """

    run_id: str
    noted_at: datetime
    stamp: int
    sent: int = 0


@dataclass(frozen=True, slots=True)
class BackfillSpec:
    """What a person asked for: the half-open range [start, end) of the cursor, in steps such as "1d"."""

    start: Scalar
    end: Scalar
    step: str


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a backfill is.

    track: under which its position inside the current window is kept (`checkpoint(track)`). window_at: where the
    current window begins; None before the first. windows_done: how many are complete. finished_at: None until then.
    """

    spec: BackfillSpec
    track: str
    window_at: Scalar | None
    windows_done: int
    started_at: datetime
    finished_at: datetime | None
