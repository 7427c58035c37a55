"""What has to hold at every moment of every life; a step that breaks it raises `BrokenLaw`."""

from __future__ import annotations

from collections import deque


class BrokenLaw(AssertionError):
    """An invariant of the guarantee does not hold."""


def require(holds: object, law: str, detail: object = "") -> None:
    """Raise `BrokenLaw` unless `holds`."""
    if not holds:
        raise BrokenLaw(f"{law} {detail}".strip())


class RateWatch:
    """Requests as the server sees them: never above the rate (and one burst), never in a pause that was asked for."""

    def __init__(self, *, requests: float, events: float) -> None:
        self._requests = requests
        self._events = events
        self._sent: deque[tuple[float, int]] = deque()
        self._sum = 0
        self.quiet_until = 0.0

    def told_to_wait(self, until: float) -> None:
        self.quiet_until = max(self.quiet_until, until)

    def sent(self, now: float, events: int) -> None:
        require(now >= self.quiet_until - 1e-6, "no request before a Retry-After has passed", (now, self.quiet_until))
        window = self._sent
        while window and window[0][0] <= now - 1.0:
            self._sum -= window.popleft()[1]
        require(len(window) + 1 <= self._requests * 1.1 + 1.001, "never above the rate of requests", len(window) + 1)
        require(self._sum <= self._events * 1.1 + 0.001, "never above the rate of events", self._sum)
        window.append((now, events))
        self._sum += events
