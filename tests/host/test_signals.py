"""Signals to a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes.terminal import as_from_a_terminal

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from etl.host.signals import on_signals
from etl.host.system_clock import SystemClock
clock, asked = SystemClock(), []
def stop(number):
    asked.append(number)
    clock.interrupt()
with on_signals(stop):
    print("ready", flush=True)
    clock.wait(600)
    print("asked", asked[0], flush=True)
    if "stay" in sys.argv:
        SystemClock().wait(600)
print("ended", flush=True)
"""


def start(*arguments: str, before: str = "") -> subprocess.Popen:
    """The program; `before`: what the shell does first."""
    process = subprocess.Popen(
        ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-c", PROGRAM, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=as_from_a_terminal,  # noqa: PLW1509 - no thread runs here
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_becomes_a_call_even_while_waiting(number: signal.Signals) -> None:
    """E1, E2: the wait for the inbox ends at once."""
    process = start()
    process.send_signal(number)
    output, _ = process.communicate()
    assert (output, process.returncode) == (f"asked {int(number)}\nended\n", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_second_signal_ends_the_process_at_once(number: signal.Signals) -> None:
    """E1."""
    process = start("stay")
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None
    assert process.stdout.readline() == f"asked {int(signal.SIGTERM)}\n"
    process.send_signal(number)
    output, _ = process.communicate()
    assert (output, process.returncode) == ("", 128 + number)


def test_what_was_ignored_at_the_start_stays_ignored() -> None:
    """`nohup squeezely-etl …` goes on when the terminal closes."""
    process = start(before="trap '' HUP;")
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert output == f"asked {int(signal.SIGTERM)}\nended\n"
