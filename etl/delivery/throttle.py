"""The throttle: limits the rate of one API account, as pure arithmetic on a small value.

The rule: in no span of T seconds do more than rate x (T + 0.1) requests plus one leave, nor more than rate x (T + 0.1)
events plus one request's; and none before a pause is over. Processes that share the state share the rate.

Generic cell rate algorithm (ITU-T I.371): for each limit the state holds the time at which all grants would be used up
at the configured rate. A request passes if that time is at most 0.1 s ahead, and then adds its full cost. So a batch
larger than 0.1 s of the rate passes too, and a wake-up that is up to 0.1 s late loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

BURST_SECONDS = 0.1
MINIMUM_FACTOR = 1 / 64
RECOVERY_PER_SUCCESS = 0.02
RECOVERY_PER_SECOND = 0.1
SLOW_DOWN_SECONDS = 1.0
YIELD_SECONDS = 1.0
# Seconds. A shorter wait is a rounding error: sleeping for it would not move the clock.
ROUNDING_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class Rates:
    """The configured rates, per second."""

    requests_per_second: float
    events_per_second: float


@dataclass(frozen=True, slots=True)
class BudgetState:
    """What all users of one account share. Times are seconds on the monotonic clock.

    requests_paid_at, events_paid_at: when the grants so far are paid off. paused_until: nothing is sent before. factor:
    the share of the configured rates in use, at most 1; slowed_at, recovered_at: when it last fell and rose. wanted_at:
    when a sender that is not patient last had to wait (see `take`).
    """

    requests_paid_at: float = 0.0
    events_paid_at: float = 0.0
    paused_until: float = 0.0
    factor: float = 1.0
    slowed_at: float = -SLOW_DOWN_SECONDS
    recovered_at: float = 0.0
    wanted_at: float = -YIELD_SECONDS


def take(
    state: BudgetState, rates: Rates, *, events: int, now: float, patient: bool = False
) -> tuple[BudgetState, float]:
    """Ask for one request of `events` events. Returns the new state and the seconds to wait (0: granted, and charged).

    patient: yield if a sender that is not patient had to wait within the last second.
    """
    paused = state.paused_until - now
    requests_wait = state.requests_paid_at - BURST_SECONDS - now
    events_wait = state.events_paid_at - BURST_SECONDS - now
    yielding = state.wanted_at + YIELD_SECONDS - now if patient else 0.0
    wait = max(paused, requests_wait, events_wait, yielding)
    if wait > ROUNDING_SECONDS:
        if patient or max(requests_wait, events_wait) <= ROUNDING_SECONDS:
            return state, wait
        return replace(state, wanted_at=max(state.wanted_at, now)), wait
    charged = BudgetState(
        max(state.requests_paid_at, now) + 1 / (rates.requests_per_second * state.factor),
        max(state.events_paid_at, now) + events / (rates.events_per_second * state.factor),
        state.paused_until,
        state.factor,
        state.slowed_at,
        state.recovered_at,
        state.wanted_at,
    )
    return charged, 0.0


def pause(state: BudgetState, *, until: float) -> BudgetState:
    """Send nothing before `until`, a time on the monotonic clock."""
    return replace(state, paused_until=max(state.paused_until, until))


def slow_down(state: BudgetState, *, now: float) -> BudgetState:
    """Halve the rate, at most once a second: requests that fail at the same time count once."""
    if now - state.slowed_at < SLOW_DOWN_SECONDS:
        return state
    return replace(state, factor=max(MINIMUM_FACTOR, state.factor / 2), slowed_at=now, recovered_at=now)


def recover(state: BudgetState, *, now: float) -> BudgetState:
    """A success: give back 2 % of the rate, at most 10 % a second, never above what is configured."""
    gain = min(RECOVERY_PER_SUCCESS, RECOVERY_PER_SECOND * max(0.0, now - state.recovered_at))
    return replace(state, factor=min(1.0, state.factor + gain), recovered_at=max(state.recovered_at, now))


class Budget(Protocol):
    """One account's rate, as a courier uses it. `now` and `until` are on the monotonic clock."""

    def take(self, *, events: int, now: float) -> float:
        """Ask for one request of `events` events. Returns 0 if granted, else the seconds to wait before trying."""

    def pause_until(self, until: float) -> None:
        """Send nothing before `until`."""

    def slow_down(self, now: float) -> None:
        """The API said that it is too much."""

    def went_well(self, now: float) -> None:
        """The API accepted something."""
