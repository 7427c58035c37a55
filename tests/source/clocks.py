"""A clock whose waits are recorded and cost nothing."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class FakeClock:
    """Waits end at once and are kept in `waits`; `interrupt_at` is the number of the wait that a stop request ends."""

    def __init__(self, *, interrupt_at: int | None = None) -> None:
        self.waits: list[float] = []
        self._interrupt_at = interrupt_at

    def utc_now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def jitter(self) -> float:
        return 1.0

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) == self._interrupt_at
