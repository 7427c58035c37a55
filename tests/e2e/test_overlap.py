"""Two runs of one mapping at once: the first works, the others leave, leave quietly, or wait (D7, E7)."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from etl.host.system_clock import SystemClock
from etl.state.store import open_state
from tests.processes.forked_cli import Child, Ended, ForkedCli
from tests.servers.scripted_server import Behaviour, Recorded, ScriptedServer

PROCESSES = 20
ROUNDS = 8
CREDENTIALS = ("shop-1", "key-of-the-shop")
HERE = re.escape(socket.gethostname())
HELD = re.compile(
    rf"error: people is already at work: process (\d+) on {HERE}, since \S+\nhint: .*--if-locked wait.*\n"
)
ME = f"people is already at work: process {os.getpid()} on {socket.gethostname()}, since "


def test_of_twenty_processes_exactly_one_works_each_time(desk: Any, forked_cli: ForkedCli) -> None:
    """D7: the winner cannot end before the last loser has left, because its requests are not answered."""
    all_left = threading.Event()

    def hold(_: Recorded) -> Behaviour | None:
        all_left.wait(60)
        return None

    with ScriptedServer(hold, credentials=CREDENTIALS) as server:
        desk.api_url = server.url
        options: tuple[str, ...] = ("--start-from", "beginning")
        for number in range(ROUNDS):
            desk.fill(3, first=1 + 3 * number)
            processes = started_together(desk, forked_cli, *options)
            losers = [forked_cli.wait_for_one(processes) for _ in range(PROCESSES - 1)]
            (winner,) = [one for one in processes if one not in [loser for loser, _ in losers]]
            assert [ended.code for _, ended in losers] == [7] * (PROCESSES - 1), [ended.err for _, ended in losers]
            holders = [HELD.fullmatch(ended.err) for _, ended in losers]
            assert {int(holder[1]) if holder else None for holder in holders} == {winner.pid}, losers
            all_left.set()
            assert winner.wait().code == 0
            all_left.clear()
            options = ()
        names = [event["firstname"] for event in server.accepted]
    assert names == [f"Name {number}" for number in range(1, 1 + 3 * ROUNDS)]


def test_a_loser_opens_no_database_and_imports_nothing_heavy(desk: Any) -> None:
    """D7: out in well under a second by what it does not do. With the database opened, its end would be 4."""
    desk.variables, desk.cli = {"PYTHONPROFILEIMPORTTIME": "1"}, None
    with open_state(str(desk.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        ended = desk.run("--start-from", "beginning")
    assert ended.code == 7
    assert ME in ended.err
    imported = {line.rpartition("|")[2].strip() for line in ended.err.splitlines() if line.startswith("import time:")}
    assert "etl.state.lock" in imported
    assert imported.isdisjoint({"pandas", "numpy", "httpx", "phonenumbers", "pycountry", "etl.source.open"})


@pytest.fixture
def busy(desk: Any) -> Any:
    """A desk with three rows whose mapping is locked while the fixture's own lock is held."""
    desk.fill(3)
    return desk


def test_skip_leaves_with_success(busy: Any) -> None:
    """E7."""
    with open_state(str(busy.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        ended = busy.run("--start-from", "beginning", "--if-locked", "skip")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith(f"skipped: {ME}")
    assert busy.stats()["requests"] == 0


def test_the_command_that_waits_sends_what_was_asked_for(busy: Any) -> None:
    for options in (("--key", "1", "--key", "2"), ("--start-from", "beginning", "--limit", "2", "--max-runtime", "9m")):
        with open_state(str(busy.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
            ended = busy.run(*options)
        assert ended.code == 7
        assert f"--if-locked wait {' '.join(options)}" in ended.err


def test_wait_runs_as_soon_as_the_holder_has_left(busy: Any) -> None:
    with open_state(str(busy.state), clock=SystemClock(), write=True) as store:
        with store.mapping("people").lock("run"):
            process = waiting(busy)
            assert busy.stats()["requests"] == 0
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert Ended(0, out, err).summary["sent"] == 3


def test_wait_ends_at_a_signal(busy: Any) -> None:
    """E2: and at once, not after the holder."""
    with open_state(str(busy.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        process = waiting(busy)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "stopped by a signal" in err
    assert Ended(143, out, err).summary["outcome"] == "stopped"


def test_wait_ends_with_the_time_for_the_run(busy: Any) -> None:
    """E8: a cron line that waits for the night before must not wait for ever."""
    with open_state(str(busy.state), clock=SystemClock(), write=True) as store, store.mapping("people").lock("run"):
        ended = busy.run("--start-from", "beginning", "--if-locked", "wait", "--max-runtime", "1s")
    assert ended.code == 7
    assert ME in ended.err
    assert busy.stats()["requests"] == 0


def started_together(desk: Any, cli: ForkedCli, *options: str) -> list[Child]:
    """Processes that were all held at their first line, and let go at once."""
    gate: Path = desk.folder / "gate"
    with gate.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        return [
            cli.start("run", str(desk.mapping), *options, environment=desk.environment(), folder=desk.folder, gate=gate)
            for _ in range(PROCESSES)
        ]


def waiting(desk: Any) -> Any:
    """A run with `--if-locked wait` that has said that it waits."""
    process = desk.start("run", str(desk.mapping), "-o", "json", "--start-from", "beginning", "--if-locked", "wait")
    line = process.stderr.readline()
    assert line.startswith(ME)
    assert line.endswith("; waiting for its end\n")
    time.sleep(0.1)
    return process
