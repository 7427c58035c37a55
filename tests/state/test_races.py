"""Many processes at once: one works, the others are told so; none holds a lock that it does not use (D7, D9)."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from etl.errors import MappingLocked
from etl.state.store import open_state
from tests.state.filling import SteppingClock

ROOT = Path(__file__).parents[2]
LOST = re.compile(r"lost \S+ customers is already at work: process (\d+) on \S+, since \S+")
ROUNDS = {"sqlite": 25, "postgresql": 5}


def test_of_twenty_processes_exactly_one_gets_the_mapping_each_time(
    location: str, clock: SteppingClock, request: pytest.FixtureRequest
) -> None:
    """D7. The first round also races to make the state. Losers name the winner."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.state.locking_process", location],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(20)
    ]
    try:
        for _ in range(ROUNDS[request.node.callspec.params["location"]]):
            _tell(processes)
            answers = [_heard(process) for process in processes]
            (winner,) = [process.pid for process, answer in zip(processes, answers, strict=True) if answer == "won"]
            told = [LOST.fullmatch(each) for each in answers]
            assert {int(each[1]) for each in told if each} == {winner}
            assert sum(each is None for each in told) == 1
            with open_state(location, clock=clock, write=False) as looking:
                holder = looking.mapping("customers").holder()
                assert holder is not None
                assert holder.pid == winner
            _tell(processes)
            assert {_heard(process) for process in processes} == {"left"}
    finally:
        for process in processes:
            process.kill()
            process.communicate()


COME_AND_GO = """
import sys
from tests.state.filling import SteppingClock
from etl.state.store import open_state
for number in range(25):
    with open_state(sys.argv[1], clock=SteppingClock(), write=True) as store:
        store.mapping("customers").next_stamp()
        connections = (store._database._reader, store._database._writer)
        modes = [each.execute("PRAGMA journal_mode").fetchone() for each in connections]
        assert modes == [("wal",), ("wal",)], modes
"""


def test_processes_that_come_and_go_keep_the_log_of_those_that_stay(path: Path, clock: SteppingClock) -> None:
    """The last writer puts the log away, and must not do so between another's opening and its first word."""
    command = [sys.executable, "-c", COME_AND_GO, str(path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    assert [process.communicate()[1] for process in processes] == [""] * 4
    with open_state(str(path), clock=clock, write=True) as store:
        assert store.mapping("customers").next_stamp() == 101
    assert sorted(each.name for each in path.parent.iterdir()) == ["state.sqlite", "state.sqlite.lock.d"]


def test_a_killed_holder_holds_nothing(location: str, clock: SteppingClock) -> None:
    """D10. What it wrote about itself is still there, and does not count."""
    with open_state(location, clock=clock, write=True) as store:
        state = store.mapping("customers")
        holder = subprocess.Popen(
            [sys.executable, "-m", "tests.state.locking_process", location],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        _tell([holder])
        assert _heard(holder) == "won"
        with pytest.raises(MappingLocked), state.lock("run"):
            pass
        holder.kill()
        holder.communicate()
        for _ in range(100):  # a server takes a moment to notice
            if state.holder() is None:
                break
            clock.wait(0.05)
        with state.lock("run"):
            pass


def test_a_loser_names_the_winner_who_has_not_written_his_name_yet(path: Path, clock: SteppingClock) -> None:
    """D7, D10. What stands in the file meanwhile is the name of a holder that was killed."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with open_state(str(path), clock=clock, write=True) as store:
        lock = store.mapping("customers").lock("run")
        with lock:
            (file,) = path.parent.rglob("*-run.lock")
            name = file.read_text()
        with file.open("r+") as winner:
            fcntl.flock(winner, fcntl.LOCK_EX)
            file.write_text(name.replace(str(os.getpid()), str(gone.pid)))
            writing = threading.Timer(0.2, file.write_text, [name])
            writing.start()
            with pytest.raises(MappingLocked, match=f"process {os.getpid()} on {socket.gethostname()}, since "), lock:
                pass
            writing.join()


def test_children_do_not_inherit_the_lock(path: Path, clock: SteppingClock) -> None:
    """D9. A daemon that a run's hook starts must not block the mapping for ever."""
    with open_state(str(path), clock=clock, write=True) as store:
        state = store.mapping("customers")
        with state.lock("run"):
            child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
        try:
            with state.lock("run"):
                pass
            descriptors = [str(each.readlink()) for each in Path(f"/proc/{child.pid}/fd").iterdir()]
            assert not [each for each in descriptors if "state.sqlite" in each]
        finally:
            child.kill()
            child.communicate()


@pytest.mark.parametrize("name", ["../evil", "a/b", "..", "é", "x" * 300, "a b", "CON", "%2e"])
def test_any_name_has_a_lock_file_of_its_own_in_the_folder(path: Path, clock: SteppingClock, name: str) -> None:
    with (
        open_state(str(path), clock=clock, write=True) as store,
        store.mapping(name).lock("run"),
        store.mapping(name + "!").lock("run"),
    ):
        pass
    files = [each.relative_to(path.parent) for each in path.parent.rglob("*.lock")]
    assert len(files) == 3
    assert {each.parts[0] for each in files} == {"state.sqlite.lock.d"}
    assert {len(each.parts) for each in files} == {2}


def _tell(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def _heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
