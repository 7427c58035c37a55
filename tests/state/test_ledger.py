"""The ledger's own rules, below those of a settlement."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.state.ledger import Ledger
from etl.state.store import StateStore, open_state
from tests.benchmarks.ledger import fill
from tests.state.filling import SteppingClock, digests_of, event


def test_an_entry_of_a_later_reading_stays(store: StateStore) -> None:
    state = store.mapping("customers")
    ledger = Ledger(store._database, 1)
    newer, older = event(state, 1, stamp=5, content=b"new"), event(state, 1, stamp=4, content=b"old")
    with store._database.transaction() as transaction:
        ledger.record(transaction, [newer], run_no=1, recorded_stamp=0)
        ledger.record(transaction, [older], run_no=1, recorded_stamp=5)
    assert digests_of(state, [newer.ledger_key]) == {newer.ledger_key: newer.digest}


def test_an_entry_of_the_same_reading_is_replaced(store: StateStore) -> None:
    """A row that is sent twice in a run, because an attempt's end was not known."""
    state = store.mapping("customers")
    ledger = Ledger(store._database, 1)
    one, other = event(state, 1, stamp=5, content=b"1"), event(state, 1, stamp=5, content=b"2")
    with store._database.transaction() as transaction:
        ledger.record(transaction, [one], run_no=1, recorded_stamp=0)
        ledger.record(transaction, [other], run_no=1, recorded_stamp=5)
    assert digests_of(state, [one.ledger_key]) == {one.ledger_key: other.digest}


@pytest.mark.parametrize("at_random", [False, True], ids=["keys in a row", "keys at random"])
def test_the_state_has_at_most_64_bytes_a_key(path: Path, clock: SteppingClock, *, at_random: bool) -> None:
    with open_state(str(path), clock=clock, write=True) as store:
        fill(store.mapping("bench"), count=50_000, at_random=at_random)
    assert path.stat().st_size / 50_000 <= 64
