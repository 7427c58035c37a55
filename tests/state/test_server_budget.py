"""One account's rate for all that share a state on a server: the arithmetic of the throttle, in SQL."""

from __future__ import annotations

import random
import time
import uuid
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from etl.delivery.throttle import BURST_SECONDS, BudgetState, Rates, pause, recover, slow_down, take
from etl.errors import StateAway
from etl.state.server_budget import ServerBudget
from etl.state.store import open_state
from tests.servers.databases import own_server
from tests.state.filling import SteppingClock

RATES = Rates(10.0, 400.0)


class ModelClock(SteppingClock):
    """The monotonic time is that of the model."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("seed", range(3))
def test_it_answers_as_the_throttle_does(postgresql_url: str, seed: int) -> None:
    """Whatever happens in whatever order: waits, pauses, halving, recovery, and who steps back for whom."""
    chance, clock = random.Random(seed), ModelClock()
    with open_state(postgresql_url, clock=clock, write=True) as store, ExitStack() as stack:
        assert store.server is not None
        budgets = [
            ServerBudget(store.server, account=("u", "a"), rates=RATES, clock=clock, patient=patient)
            for patient in (False, True)
        ]
        for budget in budgets:
            stack.callback(budget.close)
        model, now = BudgetState(0.0, 0.0), 1_000_000.0
        granted = 0
        for _ in range(400):
            now += chance.choice([0.0, 0.01, 0.05, 0.3, 2.0])
            clock.now = now
            patient = chance.random() < 0.3
            budget = budgets[patient]
            budget._words["clock"] = f"{now!r}::float8"
            match chance.choices(["take", "pause", "slow", "well"], [20, 1, 1, 3])[0]:
                case "take":
                    events = chance.randint(1, 40)
                    model, wait = take(model, RATES, events=events, now=now, patient=patient)
                    assert budget.take(events=events, now=now) == pytest.approx(wait, abs=1e-5)
                    granted += not wait
                    # Also where it was the other that slowed down.
                    assert budget._slowed == (model.factor < 1.0)
                case "pause":
                    until = now + chance.uniform(0, 1.5)
                    model = pause(model, until=until)
                    budget.pause_until(until)
                case "slow":
                    model = slow_down(model, now=now)
                    budget.slow_down(now)
                case _ if budget._slowed:
                    model = recover(model, now=now)
                    budget.went_well(now)
        assert granted > 50


def test_a_row_that_the_servers_crash_took_is_made_anew(postgresql_url: str) -> None:
    """The table is unlogged: after a crash it is empty, and a run goes on."""
    with open_state(postgresql_url, clock=SteppingClock(), write=True) as store:
        assert store.server is not None
        budget = ServerBudget(store.server, account=("u", "a"), rates=RATES, clock=SteppingClock())
        assert budget.take(events=1, now=0.0) == 0
        with store.server.transaction() as transaction:
            transaction.run("DELETE FROM etl_rate")
        assert budget.take(events=1, now=0.0) == 0
        budget.close()


def test_the_server_is_asked_by_its_own_clock(postgresql_url: str) -> None:
    """Two grants a tenth of a second apart at ten a second, whatever this host's clock says."""
    clock = SteppingClock()
    with open_state(postgresql_url, clock=clock, write=True) as store:
        assert store.server is not None
        budget = ServerBudget(store.server, account=("u", "a"), rates=Rates(10.0, 1e9), clock=clock)
        begun, granted = time.monotonic(), 0
        while granted < 6:
            wait = budget.take(events=1, now=-1e9)
            granted += not wait
            time.sleep(wait)
        budget.close()
    assert time.monotonic() - begun >= (5 - BURST_SECONDS * 10) / 10 - 0.05


def test_a_server_that_is_killed_ends_the_run_and_grants_to_the_next_one(servers_folder: Path) -> None:
    """No more than a new account may have at once: the row went with the server's memory."""
    with own_server("postgresql", servers_folder / f"own-{uuid.uuid4().hex}") as server:
        with open_state(server.url, clock=SteppingClock(), write=True) as store:
            assert store.server is not None
            budget = ServerBudget(store.server, account=("u", "a"), rates=RATES, clock=SteppingClock())
            assert budget.take(events=1, now=0.0) == 0
            budget.pause_until(SteppingClock().monotonic() + 3600)
            server.stop()
            with pytest.raises(StateAway) as away:
                budget.take(events=1, now=0.0)
            assert away.value.exit_code == 6
            with suppress(StateAway):
                budget.close()
        server.start()
        with open_state(server.url, clock=SteppingClock(), write=True) as store:
            assert store.server is not None
            budget = ServerBudget(store.server, account=("u", "a"), rates=RATES, clock=SteppingClock())
            assert budget.take(events=1, now=0.0) == 0
            assert budget.take(events=10**6, now=0.0) >= 0
            assert budget.take(events=1, now=0.0) > 0
            budget.close()
