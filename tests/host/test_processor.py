"""All threads of a run on one processor."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.host import tuning as processor
from etl.host.tuning import one_processor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose its processor")


def where() -> set[frozenset[int]]:
    """The sets of processors that the process's threads may use, but for the one that chooses."""
    keeper = {thread.native_id for thread in threading.enumerate() if thread.name == "processor"}
    tasks = {int(task.name) for task in Path("/proc/self/task").iterdir()} - keeper
    return {frozenset(os.sched_getaffinity(task)) for task in tasks}


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def together() -> bool:
    (only, *others) = where()
    return not others and len(only) == 1


def test_every_thread_is_on_one_processor_and_free_again_afterwards() -> None:
    allowed = frozenset(os.sched_getaffinity(0))
    done = threading.Event()
    before = threading.Thread(target=done.wait, daemon=True)
    before.start()
    with one_processor():
        assert soon(together)
        later = threading.Thread(target=done.wait, daemon=True)
        later.start()
        assert together()
    # Of these threads: one that an earlier test left behind in this process says nothing.
    ours = (threading.main_thread(), before, later)
    assert {frozenset(os.sched_getaffinity(each.native_id or 0)) for each in ours} == {allowed}
    done.set()
    before.join()
    later.join()


def test_a_thread_that_got_away_is_fetched_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice is made again and again, because another program may want the same processor."""
    monkeypatch.setattr(processor, "_CHOOSE_AGAIN_SECONDS", 0.01)
    allowed = os.sched_getaffinity(0)
    with one_processor():
        assert soon(together)
        os.sched_setaffinity(0, allowed)
        assert soon(together)


def test_a_run_ends_though_the_system_forbids_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    with one_processor():
        pass
