"""The port for time, waits and random numbers, so that tests can replay every wait and every jitter.

Nothing outside the host adapter (`etl.host.system_clock`) reads a clock, sleeps or draws a random number.
"""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time, sleep and jitter."""

    def utc_now(self) -> datetime:
        """The wall clock as an aware datetime in UTC; for records only, never for durations."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back and is the same for all processes of the host."""

    def jitter(self) -> float:
        """A number in [0, 1), fresh at each call."""

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; True when the wait was interrupted by a stop request."""
