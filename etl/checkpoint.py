"""How far a mapping has come: every row at or below it was accepted, is unchanged or is a dead letter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from etl.page import Position


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A saved place in the order (cursor, key).

    position: None = the source has no cursor, or none was reached yet: the mapping merely has begun, and every row is
    read. saved_at: aware, UTC. run_id: the run that saved it; "" when a person did (`state set`).
    """

    position: Position | None
    saved_at: datetime
    run_id: str
