"""Secrets appear nowhere, and values of rows only where a person asked to see them (F1-F6, F10, F19).

Every command and every path of failure below runs with canaries for secrets in the database's URL, the API's key, the
environment and a monitor's address, and for personal data in every row. What it printed, logged and left in files is
then searched. `preview` and `explain` without `--mask` are for seeing rows: only there may stdout hold them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from etl.cli.commands import squeezely_etl
from tests.e2e import leaks
from tests.e2e.canary_cases import COMMANDS, DEBUG, FAILURES, RUN, Case
from tests.e2e.canary_stage import Stage, on_stage, searched
from tests.processes.forked_cli import Ended, ForkedCli
from tests.servers.scripted_server import Exchange


@pytest.fixture
def stage(tmp_path: Path, forked_cli: ForkedCli) -> Iterator[Stage]:
    with on_stage(tmp_path, forked_cli) as stage:
        yield stage


@pytest.mark.parametrize("case", [*COMMANDS, *FAILURES], ids=lambda case: case.name)
def test_no_canary_sings(stage: Stage, case: Case) -> None:
    for prepare in case.prepare:
        prepare(stage)
    ended = stage.call(*case.arguments)
    assert ended.code == case.code, f"{ended.out}\n{ended.err}"
    assert "Traceback" not in ended.err
    searched(stage, ended, rows_on_stdout=case.rows_on_stdout)
    if case.rows_on_stdout:
        assert leaks.found_in({"stdout": ended.out.encode()}, leaks.PERSONAL)


def test_every_command_and_thirty_failures_are_searched() -> None:
    assert {case.arguments[0] for case in COMMANDS} == set(squeezely_etl.commands) - {"sandbox"}
    assert len(FAILURES) >= 30


@contextmanager
def running(stage: Stage, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own, with a command line that all of the host may read."""
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", *arguments],
        cwd=stage.folder,
        env={**stage.variables, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("signals", [[signal.SIGTERM], [signal.SIGTERM, signal.SIGTERM]], ids=["one", "two"])
def test_a_signal_and_the_list_of_processes(stage: Stage, signals: list[signal.Signals]) -> None:
    """F1: at work, and while it ends."""
    stage.behave = lambda _: Exchange.hang
    with running(stage, *RUN, *DEBUG) as process:
        while not stage.server.requests:
            time.sleep(0.01)
        command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert b"people.yaml" in command_line
        assert not leaks.found_in({"the process list": command_line}, {**leaks.SECRETS, **leaks.PERSONAL})
        for number in signals:
            process.send_signal(number)
            time.sleep(0.2)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signals[0], err
    searched(stage, Ended(process.returncode, out, err))


def test_the_sandbox_tells_nothing_on_its_terminal(stage: Stage) -> None:
    with running(stage, "sandbox", "--port", "0", "--log-level", "debug") as process:
        assert process.stdout is not None
        url: Any = next(word for line in process.stdout for word in line.split() if word.startswith("http://"))
        stage.variables["API_URL"] = url.rstrip("/.")
        assert stage.call(*RUN).code == 3
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    searched(stage, Ended(process.returncode, out, err))


@pytest.mark.parametrize("form", [bytes, bytes.hex, leaks.in_base64], ids=["plain", "hexadecimal", "base64"])
@pytest.mark.parametrize("secret", [leaks.API_KEY, "kanarie 3"])
def test_a_planted_canary_is_found(stage: Stage, secret: str, form: Callable[[bytes], Any]) -> None:
    """In each place that is searched: or the silence of all others would mean nothing."""
    hidden = form(b"." + secret.encode() + b".")
    text = hidden.decode() if isinstance(hidden, bytes) else hidden
    assert stage.call(*RUN).code == 3
    for out, err in ((text, ""), ("", text)):
        with pytest.raises(AssertionError, match=" in std"):
            searched(stage, Ended(0, out, err))
    stage.state.write_bytes(stage.state.read_bytes() + text.encode())
    with pytest.raises(AssertionError, match=r" in .*/state\.sqlite"):
        searched(stage, Ended(0, "", ""))
