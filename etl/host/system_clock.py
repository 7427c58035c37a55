"""The real time and real chance.

The rule: a wait ends at once when it is interrupted; durations come from the monotonic clock, which on Linux and
macOS is the same for all processes of the host.
"""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime


class SystemClock:
    """The clock of this process (port `etl.clock.Clock`)."""

    def __init__(self) -> None:
        self._interrupted = threading.Event()
        # Not seeded by us: two processes that started together must not retry together.
        self._random = random.SystemRandom()

    def utc_now(self) -> datetime:
        """The wall clock as an aware datetime in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def jitter(self) -> float:
        """A number in [0, 1), fresh at each call."""
        return self._random.random()

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds`; True when `interrupt` was called, before or meanwhile."""
        return self._interrupted.wait(max(0.0, seconds))

    def interrupt(self) -> None:
        """End every wait, also those to come. Safe in a signal handler that interrupts a wait."""
        self._interrupted.set()
