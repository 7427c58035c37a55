"""States to test with: a file and a server, and the clock and events that fill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from etl.state.store import StateStore, open_state
from tests.state.filling import SteppingClock

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
