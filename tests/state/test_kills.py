"""A killed process leaves a state that is readable, consistent and free (D1, D2, E3)."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etl.state.mapping_state import MappingState
from etl.state.sqlite import for_writing
from etl.state.store import open_state
from tests.state.filling import SteppingClock, digests_of, event

KILLS = {"sqlite": 32, "postgresql": 5}


def test_every_row_below_the_checkpoint_is_accounted_for_after_each_kill(
    location: str, clock: SteppingClock, request: pytest.FixtureRequest
) -> None:
    """Kills at random moments, also while the state is made or repaired after the last kill."""
    chance = random.Random(11)
    last_told = -1
    kills = KILLS[request.node.callspec.params["location"]]
    for _ in range(kills):
        last_told = max(last_told, _killed_after(location, chance.choice([0.0, chance.random() * 0.3])))
        with open_state(location, clock=clock, write=False) as looking:
            passed = _check(looking.mapping("customers"))
        assert passed >= last_told, "what was told to be safe is lost"
    assert last_told > kills
    with open_state(location, clock=clock, write=True) as store:
        assert _check(store.mapping("customers")) >= last_told
        outcomes = {record.outcome for record in store.mapping("customers").runs()}
    assert outcomes == {"died"}


def test_looking_at_a_state_that_was_killed_at_its_first_write(path: Path, clock: SteppingClock) -> None:
    """D2. A log that ends with its header: SQLite's readers wait ten seconds for more, and give up."""
    with open_state(str(path), clock=clock, write=True):
        pass
    left = path.parent / "left"
    left.mkdir(0o700)
    database = for_writing(path, clock)
    for name in ("state.sqlite", "state.sqlite-shm"):
        shutil.copy(path.parent / name, left)
    with database.transaction() as transaction:
        transaction.run("INSERT INTO etl_meta VALUES ('a', 'word')")
    (left / "state.sqlite-wal").write_bytes((path.parent / "state.sqlite-wal").read_bytes()[:32])
    database.close()
    with open_state(str(left / "state.sqlite"), clock=clock, write=False) as looking:
        assert looking.mapping("customers").checkpoint() is None
    with open_state(str(left / "state.sqlite"), clock=clock, write=True) as going_on:
        assert going_on.mapping("customers").next_stamp() == 1


def _killed_after(location: str, seconds: float) -> int:
    # Half of the kills come before the first row is safe, the others some time after it.
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.state.settling_process", location],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    assert process.stdout is not None
    told = -1
    if seconds:
        told = int(process.stdout.readline())
    time.sleep(seconds or 0.25)
    process.kill()
    rest = process.stdout.read().split()
    process.wait()
    process.stdout.close()
    return int(rest[-1]) if rest else told


def _check(state: MappingState) -> int:
    """Every row up to the checkpoint is in the ledger or a dead letter; returns the checkpoint's row."""
    checkpoint = state.checkpoint()
    if checkpoint is None or checkpoint.position is None:
        return -1
    last = int(checkpoint.position.key[0])
    events = [event(state, number) for number in range(last + 1)]
    known = digests_of(state, [each.ledger_key for each in events])
    dead = {each.key for each in state.open_dead_letters()}
    missing = [each.seq for each in events if each.ledger_key not in known and each.key not in dead]
    assert missing == []
    return last
