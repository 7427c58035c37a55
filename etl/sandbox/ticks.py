"""The sandbox's sense of time as a port, so that its limits and its chart can be tested without waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Ticks(Protocol):
    """Two clocks: one for people, one for durations."""

    def epoch_seconds(self) -> float:
        """Seconds since 1970 in UTC; for what is shown."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; for the rate limit and the chart."""


class SystemTicks:
    """The machine's clocks."""

    def epoch_seconds(self) -> float:
        """Seconds since 1970 in UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()
