"""Looking at a state file changes no byte of it, whatever a writer does or left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from etl.page import Position
from etl.state import sqlite
from etl.state.store import open_state
from tests.state.filling import SteppingClock
from tests.state.state_file import snapshot, use


def test_looking_changes_no_byte_and_makes_no_file(filled: Path, clock: SteppingClock) -> None:
    """D21, by hash and time of change."""
    before = snapshot(filled.parent)
    time.sleep(0.01)
    use(filled, clock, write=False)
    assert snapshot(filled.parent) == before


def test_looking_at_nothing_makes_nothing(path: Path, clock: SteppingClock) -> None:
    """D21."""
    use(path, clock, write=False)
    assert not path.parent.exists()


LOOK = """
import sys
from tests.state.filling import SteppingClock
from etl.state.store import open_state
with open_state(sys.argv[1], clock=SteppingClock(), write=False) as store:
    print(store.mapping("customers").checkpoint().position.cursor)
"""


def test_looking_beside_a_live_writer_changes_nothing(filled: Path, clock: SteppingClock) -> None:
    """D21."""
    with open_state(str(filled), clock=clock, write=True) as writer:
        writer.mapping("customers").set_checkpoint("run", Position(7, (7,)))
        before = snapshot(filled.parent)
        looked = subprocess.run([sys.executable, "-c", LOOK, str(filled)], capture_output=True, text=True, check=True)
        assert looked.stdout == "7\n"
        assert snapshot(filled.parent) == before


LEAVE_A_LOG = """
import os, sys
from tests.state.filling import SteppingClock
from etl.page import Position
from etl.state import sqlite
from etl.state.store import open_state
store = open_state(sys.argv[1], clock=SteppingClock(), write=True)
store.mapping("customers").set_checkpoint("run", Position(7, (7,)))
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("lost", [(), ("-shm",)], ids=["killed", "restored without its index"])
def test_looking_at_what_a_killed_writer_left_changes_nothing(
    filled: Path, clock: SteppingClock, lost: tuple[str, ...]
) -> None:
    """D2, D21. What was committed is seen, although it stands in the log only."""
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(filled)], check=False)
    assert filled.with_name("state.sqlite-wal").stat().st_size
    for ending in lost:
        filled.with_name("state.sqlite" + ending).unlink()
    before = snapshot(filled.parent)
    with open_state(str(filled), clock=clock, write=False) as looking:
        checkpoint = looking.mapping("customers").checkpoint()
    assert checkpoint is not None
    assert checkpoint.position == Position(7, (7,))
    assert snapshot(filled.parent) == before
    use(filled, clock, write=True)
    assert sorted(each.name for each in filled.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock.d"]


def test_a_writer_may_come_and_go_while_somebody_looks(filled: Path, clock: SteppingClock) -> None:
    """A long dry run beside the nightly run."""
    with open_state(str(filled), clock=clock, write=False) as looking:
        for number in range(3):
            with open_state(str(filled), clock=clock, write=True) as writer:
                writer.mapping("customers").set_checkpoint("run", Position(number, (number,)))
            checkpoint = looking.mapping("customers").checkpoint()
            assert checkpoint is not None
            assert checkpoint.position == Position(number, (number,))


def test_a_connection_keeps_the_log_from_its_first_moment(filled: Path, clock: SteppingClock) -> None:
    """The last writer puts the log away, also when another has just connected and said nothing yet."""
    with closing(sqlite._connect(f"{filled.as_uri()}?mode=rw", (), enter_wal=clock)) as connection:
        with open_state(str(filled), clock=clock, write=True) as leaving:
            leaving.mapping("customers").next_stamp()
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
