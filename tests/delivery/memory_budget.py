"""A rate without what processes share: the arithmetic of `etl.delivery.throttle` alone."""

from __future__ import annotations

from etl.delivery.throttle import BudgetState, Rates, pause, recover, slow_down, take


class MemoryBudget:
    """A budget of this process alone."""

    def __init__(self, *, requests_per_second: float, events_per_second: float, patient: bool = False) -> None:
        self._rates = Rates(requests_per_second, events_per_second)
        self._patient = patient
        self.state = BudgetState()

    def take(self, *, events: int, now: float) -> float:
        """As `Budget.take`."""
        self.state, wait = take(self.state, self._rates, events=events, now=now, patient=self._patient)
        return wait

    def pause_until(self, until: float) -> None:
        """As `Budget.pause_until`."""
        self.state = pause(self.state, until=until)

    def slow_down(self, now: float) -> None:
        """As `Budget.slow_down`."""
        self.state = slow_down(self.state, now=now)

    def went_well(self, now: float) -> None:
        """As `Budget.went_well`."""
        if self.state.factor < 1.0:
            self.state = recover(self.state, now=now)
