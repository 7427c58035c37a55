"""Decides when a request is tried again, and when retrying has to end.

The rule: attempts, retries over the run and the time without success are all bounded; exceeding a bound ends the run
cleanly, and rejects no event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.errors import StoppedEarly
from etl.event.event import Event
from etl.exact import show_key
from etl.verdict.judge import TryAgain

MINIMUM_BACKOFF_SECONDS = 0.05
_LATER = "the next run goes on where this one stopped"


@dataclass(frozen=True, slots=True)
class RetrySettings:
    """The bounds.

    max_attempts: attempts at one request, the first included. first_backoff_seconds, max_backoff_seconds: bounds of the
    growing wait (see `backoff_seconds`). give_up_after_seconds: the longest time with failures only. allowance, share:
    the run may have `allowance` retries plus `share` of its first attempts; retries after a 429 are not counted,
    because the throttle bounds them. max_unreadable: after so many answers in a row that are not the API's (a captive
    portal, a proxy) the run ends.
    """

    max_attempts: int = 8
    first_backoff_seconds: float = 1.0
    max_backoff_seconds: float = 60.0
    give_up_after_seconds: float = 600.0
    allowance: int = 100
    share: float = 0.1
    max_unreadable: int = 3


def backoff_seconds(attempt: int, *, first: float, maximum: float, jitter: float) -> float:
    """The wait after failed attempt number `attempt` (from 1): capped exponential with full jitter.

    jitter x min(maximum, first x 2^(attempt - 1)), but at least 0.05 s (or `maximum`, if that is less).
    """
    cap = min(maximum, first * 2.0 ** min(attempt - 1, 60))
    return max(min(MINIMUM_BACKOFF_SECONDS, maximum), cap * jitter)


def nothing_else_accepted(events: Sequence[Event], words: str, *, unreadable: bool) -> StoppedEarly:
    """The error that ends a run after a request of `events` failed again and again; `words`: of the last answer.

    unreadable: something other than the API answered.
    """
    hint = _LATER
    if unreadable:
        hint += "; check destination.url, and ask who runs the firewall or proxy between here and the API"
    if len(events) == 1:
        hint += (
            f"; if the API is well otherwise, the row with key {show_key(events[0].key)} makes it fail: "
            "correct it, or leave it out with source.where"
        )
    return StoppedEarly(
        f"sending events to {{api}}: a request failed again and again, and nothing is accepted any more ({words})",
        hint=hint,
    )


class Patience:
    """Counts the failures of a run, and says how long to wait or why to stop."""

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings
        self._first_attempts = 0
        self._retries = 0
        self._troubles_in_a_row = 0
        self._unreadable_in_a_row = 0
        self._failing_since: float | None = None

    def first_attempt(self) -> None:
        """A request left for the first time: the retry budget grows by `share` of a retry."""
        self._first_attempts += 1

    def went_well(self) -> None:
        """The API decided about a request, accepting or refusing it."""
        self._troubles_in_a_row = self._unreadable_in_a_row = 0
        self._failing_since = None

    @property
    def repeated_trouble(self) -> bool:
        """Whether more than one attempt in a row failed: time to slow down (C8, C9)."""
        return self._troubles_in_a_row > 1

    def used_up(self, verdict: TryAgain, *, attempt: int) -> bool:
        """Whether attempt number `attempt`, which failed, was the last one allowed for its request."""
        settings = self._settings
        unreadable = verdict.unreadable and self._unreadable_in_a_row + 1 >= settings.max_unreadable
        return unreadable or attempt >= settings.max_attempts

    def forgive(self, retries: int) -> None:
        """Take so many retries out of the count, because they were of a batch suspected to be at fault itself."""
        self._retries = max(0, self._retries - retries)

    def after(
        self, verdict: TryAgain, *, attempt: int, now: float, jitter: Callable[[], float], suspect: bool = False
    ) -> float | StoppedEarly:
        """Seconds to wait after failed attempt number `attempt`, or the reason to stop the run.

        suspect: the events are suspected to be at fault; their attempts are bounded elsewhere.
        """
        self._troubles_in_a_row += 1
        self._unreadable_in_a_row = self._unreadable_in_a_row + 1 if verdict.unreadable and not suspect else 0
        if self._failing_since is None:
            self._failing_since = now
        reason = self._reason_to_stop(verdict, attempt=attempt, now=now, suspect=suspect)
        if reason is not None:
            return StoppedEarly(
                f"sending events to {{api}}: {reason} ({verdict.cause})", hint=_LATER, unreached=verdict.unreached
            )
        if not (verdict.throttled or suspect):
            self._retries += 1
        return max(self.backoff(attempt, jitter=jitter), verdict.after_seconds or 0.0)

    def backoff(self, attempt: int, *, jitter: Callable[[], float]) -> float:
        """Seconds to wait after failed attempt number `attempt`, whatever came back."""
        settings = self._settings
        return backoff_seconds(
            attempt, first=settings.first_backoff_seconds, maximum=settings.max_backoff_seconds, jitter=jitter()
        )

    def too_long(self, wait_seconds: float) -> StoppedEarly | None:
        """The error if the wait for the throttle is too long; None: wait."""
        if wait_seconds <= self._settings.give_up_after_seconds:
            return None
        words = f"the API wants {wait_seconds:.0f} s of silence, more than give_up_after"
        return StoppedEarly(f"sending events to {{api}}: {words}", hint=_LATER)

    def _reason_to_stop(self, verdict: TryAgain, *, attempt: int, now: float, suspect: bool) -> str | None:
        settings = self._settings
        silence = now - self._failing_since if self._failing_since is not None else 0.0
        if self._unreadable_in_a_row >= settings.max_unreadable:
            return f"{self._unreadable_in_a_row} answers in a row were not the API's"
        if attempt >= settings.max_attempts and not suspect:
            return f"a request failed {attempt} times" if attempt > 1 else "a request failed"
        if silence >= settings.give_up_after_seconds:
            return f"nothing but failures for {silence:.0f} s"
        if verdict.after_seconds is not None and verdict.after_seconds > settings.give_up_after_seconds:
            return f"the API wants {verdict.after_seconds:.0f} s of silence, more than give_up_after"
        counted = not (verdict.throttled or suspect)
        if counted and self._retries + 1 > settings.allowance + settings.share * self._first_attempts:
            return f"too many retries in this run ({self._retries} for {self._first_attempts} requests)"
        return None
