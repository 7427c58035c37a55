"""The real clock keeps the port's promises."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta

from etl.clock import Clock
from etl.host.system_clock import SystemClock


def test_it_is_a_clock() -> None:
    clock: Clock = SystemClock()
    assert clock.utc_now().utcoffset() == timedelta(0)
    assert clock.monotonic() <= clock.monotonic()
    numbers = [clock.jitter() for _ in range(1000)]
    assert all(0 <= number < 1 for number in numbers)
    assert len(set(numbers)) == 1000


def test_the_monotonic_clock_is_the_same_for_all_processes() -> None:
    """What the shared budget rests on."""
    before = SystemClock().monotonic()
    code = "from etl.host.system_clock import SystemClock; print(SystemClock().monotonic())"
    there = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert before <= there <= SystemClock().monotonic()


def test_a_wait_ends_by_itself() -> None:
    assert SystemClock().wait(0.01) is False
    assert SystemClock().wait(-1.0) is False


def test_an_interrupt_ends_a_wait_and_those_to_come() -> None:
    """E2."""
    clock = SystemClock()
    timer = threading.Timer(0.05, clock.interrupt)
    timer.start()
    started = time.monotonic()
    assert clock.wait(300.0) is True
    assert clock.wait(300.0) is True
    assert time.monotonic() - started < 200.0


# In a process of its own: the limit of a test's time is a SIGALRM too.
SIGNALLED = """
import signal
from etl.host.system_clock import SystemClock
signal.signal(signal.SIGALRM, lambda *_: clock.interrupt())
for at in range(600):
    clock = SystemClock()
    signal.setitimer(signal.ITIMER_REAL, 1e-6 + at % 300 * 2e-7)
    assert clock.wait(60.0)
"""


def test_a_signal_at_any_moment_of_a_wait_interrupts_it() -> None:
    """The handler runs in the thread that waits, wherever that is: with a lock of its own it would wait for itself."""
    subprocess.run([sys.executable, "-c", SIGNALLED], check=True, timeout=300)
