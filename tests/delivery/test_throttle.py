"""The rate: never above it, hardly below it, however many processes share it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.delivery.throttle import BURST_SECONDS, BudgetState, Rates, pause, recover, slow_down, take
from tests.delivery.memory_budget import MemoryBudget


def grants(budget: MemoryBudget, *, until: float, events: int, late: float = 0.0, start: float = 0.0) -> list[float]:
    """When an eager sender, who wakes up `late` seconds too late each time, is let through."""
    now, times = start, []
    while now < until:
        wait = budget.take(events=events, now=now)
        if wait:
            now += wait + late
        else:
            times.append(now)
    return times


def most_in_a_second(times: list[float]) -> int:
    best = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= 1.0:
            first += 1
        best = max(best, last - first + 1)
    return best


@pytest.mark.parametrize("rate", [0.5, 1.0, 10.0, 47.0, 300.0])
@pytest.mark.parametrize("late", [0.0, 0.002, 0.005])
def test_the_rate_of_requests_is_reached_and_not_passed(rate: float, late: float) -> None:
    """C32: wake-ups a few milliseconds late lose nothing."""
    seconds = 200.0
    times = grants(MemoryBudget(requests_per_second=rate, events_per_second=1e9), until=seconds, events=100, late=late)
    assert len(times) >= 0.98 * rate * seconds
    assert most_in_a_second(times) <= rate * (1 + BURST_SECONDS) + 1


@pytest.mark.parametrize(("rate", "events"), [(1000.0, 100), (1000.0, 7), (100.0, 100), (50.0, 1000), (12_000.0, 1000)])
@pytest.mark.parametrize("late", [0.0, 0.005])
def test_the_rate_of_events_is_reached_also_by_batches_larger_than_the_burst(
    rate: float, events: int, late: float
) -> None:
    """C32."""
    seconds = 400.0
    times = grants(
        MemoryBudget(requests_per_second=1e9, events_per_second=rate), until=seconds, events=events, late=late
    )
    assert len(times) * events >= 0.98 * rate * seconds
    assert most_in_a_second(times) * events <= rate * (1 + BURST_SECONDS) + events


@given(
    asks=st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 300)), min_size=1, max_size=200),
    requests_rate=st.floats(0.5, 200),
    events_rate=st.floats(10, 5000),
)
@settings(max_examples=200)
def test_no_span_of_time_holds_more_than_rate_and_burst(
    asks: list[tuple[float, int]], requests_rate: float, events_rate: float
) -> None:
    """C32: whatever the pattern of asking, for spans of every length."""
    state, rates, now = BudgetState(), Rates(requests_rate, events_rate), 1000.0
    granted: list[tuple[float, int]] = []
    for gap, events in asks:
        now += gap
        state, wait = take(state, rates, events=events, now=now)
        if wait == 0:
            granted.append((now, events))
    for first in range(len(granted)):
        total = 0
        for last in range(first, len(granted)):
            time, events = granted[last]
            span = time - granted[first][0]
            assert last - first + 1 <= requests_rate * (span + BURST_SECONDS) + 1 + 1e-3
            assert total <= events_rate * (span + BURST_SECONDS) + 1e-3, "all but the last batch are paid for"
            total += events


@given(start=st.floats(0, 1e7), rate=st.floats(0.1, 1e6), events=st.integers(1, 10_000))
@settings(max_examples=300)
def test_waiting_as_long_as_told_is_enough(start: float, rate: float, events: int) -> None:
    """A wait that rounding makes too short by nothing must not become a loop without end."""
    budget = MemoryBudget(requests_per_second=rate, events_per_second=rate * 10)
    now = start
    for _ in range(20):
        wait = budget.take(events=events, now=now)
        if wait:
            now += wait
            assert budget.take(events=events, now=now) == 0


def test_a_pause_holds_everybody() -> None:
    """C6."""
    state = pause(BudgetState(), until=50.0)
    assert take(state, Rates(10, 1000), events=1, now=20.0)[1] == 30.0
    assert take(state, Rates(10, 1000), events=1, now=50.0)[1] == 0.0


def test_a_shorter_pause_does_not_undo_a_longer_one() -> None:
    assert pause(pause(BudgetState(), until=50.0), until=40.0).paused_until == 50.0


def test_the_rate_is_halved_at_most_once_a_second() -> None:
    """C8: four connections that are told 429 together are one sign."""
    state = BudgetState()
    for _ in range(4):
        state = slow_down(state, now=10.0)
    assert state.factor == 0.5
    assert slow_down(state, now=11.0).factor == 0.25


def test_the_rate_recovers_additively_and_never_above_what_is_configured() -> None:
    """C8."""
    state = slow_down(BudgetState(), now=0.0)
    factors = []
    for step in range(1, 101):
        state = recover(state, now=step * 0.5)
        factors.append(state.factor)
    assert factors[0] == pytest.approx(0.52)
    assert factors[9] == pytest.approx(0.70)
    assert factors[-1] == 1.0


def test_many_quick_successes_do_not_bring_the_rate_back_at_once() -> None:
    state = slow_down(BudgetState(), now=0.0)
    for step in range(1, 1001):
        state = recover(state, now=step * 0.001)
    assert state.factor == pytest.approx(0.6)


def test_a_halved_rate_is_really_half() -> None:
    budget = MemoryBudget(requests_per_second=10, events_per_second=1e9)
    budget.slow_down(0.0)
    assert len(grants(budget, until=100.0, events=1)) == pytest.approx(500, abs=3)


def test_the_factor_has_a_floor_so_that_a_run_always_goes_on() -> None:
    budget = MemoryBudget(requests_per_second=10, events_per_second=1000)
    for second in range(100):
        budget.slow_down(second * 2.0)
    assert 0 < budget.take(events=1, now=300.0) + 1 < 100
    assert budget.state.factor == 1 / 64


def test_a_backfill_steps_back_while_a_run_has_to_wait() -> None:
    """Issue: the nightly run first; what it leaves is the backfill's."""
    rates, state, now = Rates(10, 1e9), BudgetState(), 0.0
    night, backfill = 0, 0
    while now < 60.0:
        if now < 30.0:
            state, wait = take(state, rates, events=1, now=now)
            night += wait == 0
        state, wait = take(state, rates, events=1, now=now, patient=True)
        backfill += wait == 0
        now += 0.01
        if now < 30.0:
            assert backfill <= 3
    assert night >= 290
    assert backfill >= 280


def test_a_run_that_never_waits_leaves_the_rest_to_the_backfill() -> None:
    rates, state, backfill = Rates(10, 1e9), BudgetState(), 0
    for step in range(6000):
        now = step * 0.01
        if step % 100 == 0:
            state, wait = take(state, rates, events=1, now=now)
        state, wait = take(state, rates, events=1, now=now, patient=True)
        backfill += wait == 0
    assert backfill >= 400


def test_a_pause_alone_makes_nobody_yield() -> None:
    """A run that waits for the pause only needs no more of the rate than a backfill does."""
    rates = Rates(10.0, 1000.0)
    paused = pause(BudgetState(), until=50.0)
    after, wait = take(paused, rates, events=1, now=49.9)
    assert (after, wait) == (paused, pytest.approx(0.1))
    _, wait = take(after, rates, events=1, now=50.0, patient=True)
    assert wait == 0.0


def test_a_budget_in_memory_slows_down_and_recovers() -> None:
    """C8, between others: failure, success, failure."""
    budget = MemoryBudget(requests_per_second=10, events_per_second=1000)
    budget.slow_down(1.0)
    budget.went_well(1.5)
    assert budget.state.factor == pytest.approx(0.52)
    budget.slow_down(2.5)
    budget.went_well(2.5)
    assert budget.state.factor == pytest.approx(0.26)
    budget.went_well(3.0)
    assert budget.state.factor == pytest.approx(0.28)
