"""A state is closed while another thread of the process still works with it, or before it is whole."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

import pytest

from etl.errors import StateUnusable
from etl.state.database import Database
from etl.state.mapping_state import MappingState
from etl.state.store import open_state
from etl.state.trouble import FILE_ERRORS
from tests.state.filling import SteppingClock, digests_of, event, settled


def use_until_refused(
    state: MappingState, keys: Sequence[bytes], started: threading.Event, refused: threading.Event
) -> None:
    try:
        while True:
            digests_of(state, keys)
            state.next_stamp()
            started.set()
    except StateUnusable:
        refused.set()


def test_closing_waits_for_the_thread_that_reads_and_refuses_its_next_word(location: str, clock: SteppingClock) -> None:
    """E12: a run that a bug ended does not wait for its reader for ever; closing under it crashed the process."""
    for _ in range(5):
        store = open_state(location, clock=clock, write=True)
        state = store.mapping("customers")
        keys = [event(state, number).ledger_key for number in range(5_000)]
        state.settle(settled([event(state, number) for number in range(5_000)]), track="run", run_no=0)
        started, refused = threading.Event(), threading.Event()
        thread = threading.Thread(target=use_until_refused, args=(state, keys, started, refused))
        thread.start()
        assert started.wait(60)
        store.close()
        thread.join(60)
        assert refused.is_set()


def test_a_second_connection_that_cannot_be_made_closes_the_first() -> None:
    """No other code could: a server would keep it until the garbage is collected."""
    first = sqlite3.connect(":memory:")
    left = [first]

    def connect() -> sqlite3.Connection:
        if not left:
            raise sqlite3.OperationalError
        return left.pop()

    with pytest.raises(sqlite3.OperationalError):
        Database(connect, place="(none)", writable=True, postgresql=False, errors=FILE_ERRORS)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        first.execute("SELECT 1")
