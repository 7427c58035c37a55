"""States to test with: a file and a server, and the clock and events that fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl.state.mapping_state import MappingState
from etl.state.store import StateStore, open_state
from tests.state.filling import SteppingClock, event, letter, settled

Open = Callable[[], StateStore]


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a state file goes; its folder does not exist yet."""
    return tmp_path / "state" / "state.sqlite"


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest) -> str:
    """A place for a state, once of each sort: everything that holds for one holds for the other."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("path"))
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def store(location: str, clock: SteppingClock) -> Iterator[StateStore]:
    """A new state, open for writing."""
    with open_state(location, clock=clock, write=True) as opened:
        yield opened


@pytest.fixture
def state(store: StateStore) -> MappingState:
    """The mapping `customers` of the new state."""
    return store.mapping("customers")


@pytest.fixture
def filled(path: Path, clock: SteppingClock) -> Path:
    """A state with something in every table, at rest."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            run_no = state.start_run(run_id="r1", command="run", before=None)
            state.confirm_fingerprint({"table": "customers"})
            state.settle(settled([event(state, n) for n in range(500)], upto=499), track="run", run_no=run_no)
            state.bury([letter((number,)) for number in range(1000, 1200)])
            state.backfill(1, 9, "4")
            state.finish_run(run_no, {"outcome": "done", "exit_code": 0})
    return path
