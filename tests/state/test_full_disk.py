"""A full disk: what SQLite says in its several ways, and a state that stays whole."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from etl.errors import StateRefused
from etl.state.trouble import told_as_state
from tests.state.filling import SteppingClock


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE])
def test_a_log_whose_index_has_no_room_is_a_full_disk_too(code: int) -> None:
    """On a file system with less than 32 KiB left it calls that an error of the disk, which a person would check."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(StateRefused, match="the disk is full"), told_as_state("write", "state.sqlite"):
        raise error


def test_the_limit_of_a_files_size_that_counts_is_the_one_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is how far a process may raise it."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    monkeypatch.setattr(resource, "getrlimit", lambda _: (4096, resource.RLIM_INFINITY))
    with pytest.raises(StateRefused, match="no larger files"), told_as_state("write", "state.sqlite"):
        raise error


def test_a_full_disk_shows_at_opening_and_later_leaves_the_state_whole(filled: Path, clock: SteppingClock) -> None:
    """D5, D6. A limit on the file's size stands for the disk, in a process of its own."""
    script = """
import resource, signal, sys
from tests.state.filling import SteppingClock, event, settled
from etl.errors import StateUnusable
from etl.state.store import open_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, room = sys.argv[1], int(sys.argv[2])
if not room:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with open_state(path, clock=SteppingClock(), write=True) as store:
        state = store.mapping("customers")
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        try:
            for start in range(0, 10**6, 1000):
                events = [event(state, number) for number in range(start, start + 1000)]
                state.settle(settled(events, upto=start), track="run", run_no=1)
        except StateUnusable as error:
            print("later:", error.message)
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            state.settle(settled(events, upto=start), track="run", run_no=1)
            print("again:", state.checkpoint().position.cursor == start, state.ledger_size() == start + 1000)
except StateUnusable as error:
    print("opening:", error.message)
"""
    at_once = subprocess.run(
        [sys.executable, "-c", script, str(filled), "0"], capture_output=True, text=True, check=True
    )
    assert at_once.stdout.startswith("opening: cannot "), at_once.stdout
    later = subprocess.run(
        [sys.executable, "-c", script, str(filled), "1000000"], capture_output=True, text=True, check=True
    )
    assert later.stdout.startswith("later: cannot save progress in the state"), later.stdout
    assert "again: True True" in later.stdout
