"""The end of one mapping's work, as monitoring needs it, and whether a person has to look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl.checkpoint import USUAL_HOURS
from etl.job.outcome import Outcome

LOCKED = 7
# Stopped cleanly, or interrupted: the next run goes on.
_UNFINISHED = frozenset({6, 129, 130, 143})
# The same patience as `status --check`.
_PATIENCE = timedelta(hours=USUAL_HOURS)


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one mapping's work. Times are aware, UTC.

    last_done_at: when this command last did all there was to do, this time included; None: never, or not known.
    dead_letters: the open ones by reason; None: not known. checkpoint_at: up to which moment of the cursor all is
    settled; None: not known, or the cursor is no time.
    """

    outcome: Outcome
    ended_at: datetime
    last_done_at: datetime | None = None
    dead_letters: Mapping[str, int] | None = None
    checkpoint_at: datetime | None = None

    @property
    def ran(self) -> bool:
        """Whether this process worked on the mapping; False if another process holds it, which reports its own end."""
        return self.outcome.exit_code != LOCKED

    @property
    def needs_person(self) -> bool:
        """Whether a person has to look. A stopped run is fine as long as the last complete one is recent."""
        code = self.outcome.exit_code
        if code in _UNFINISHED:
            return self.last_done_at is None or self.ended_at - self.last_done_at > _PATIENCE
        return code not in (0, LOCKED)
