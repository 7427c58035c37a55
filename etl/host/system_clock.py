"""The real time and real chance.

The rule: a wait ends at once when it is interrupted; durations come from the monotonic clock, which on Linux and
macOS is the same for all processes of the host.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

# A signal that arrives just before a thread begins to wait is handled only when that wait is over, so none is longer.
_LONGEST_WAIT_SECONDS = 0.2


class SystemClock:
    """The clock of this process (port `etl.clock.Clock`)."""

    def __init__(self) -> None:
        # Not an Event: its lock is held for moments of a wait, and a signal handler that sets it then waits for ever.
        self._interrupted: SimpleQueue[None] = SimpleQueue()
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
        until = time.monotonic() + seconds
        while True:
            left = until - time.monotonic()
            try:
                self._interrupted.get(timeout=min(max(0.0, left), _LONGEST_WAIT_SECONDS))
            except Empty:
                if left <= _LONGEST_WAIT_SECONDS:
                    return False
            else:
                self.interrupt()  # for the next wait, and for those of other threads
                return True

    def interrupt(self) -> None:
        """End every wait, also those to come. Safe in a signal handler that interrupts a wait."""
        self._interrupted.put(None)
