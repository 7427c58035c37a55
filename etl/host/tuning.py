"""What only a run of millions of rows needs: a collector that looks rarely, short turns, one processor for all threads.

The rule: each is measured, with its figure beside it, and what is eased is not switched off.

Python's threads compute one at a time. Spread over processors, each takes up its turn on one that has gone to sleep and
does not hold its data: 500,000 rows in batches of 100 cost 130,000 changes of thread, a quarter of the time; on one
processor, 20,000. The kernel chooses which one, and again every few seconds, so that a run leaves where it is crowded.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A page of 5,000 rows makes some 20,000 objects that the collector watches. Looking through them every 700 objects
# took a quarter of a run's time.
_YOUNG_OBJECTS = 100_000
# An answer that came while a page is prepared waits so long for its turn, several times over; Python's own 5 ms cost
# a twentieth of the rate where the API takes 50 ms.
_TURN_SECONDS = 0.0005
_HTTPX_PROGRAM = "httpx._main"


@contextmanager
def eased_interpreter() -> Iterator[None]:
    """Collect more rarely from now on, and let threads take shorter turns; and freeze what is loaded inside.

    httpx, if it is loaded inside, comes without its command line.

    For a process that works through tables: what it imports makes many objects too. A second time changes nothing.
    """
    # Not by `gc.get_freeze_count`, which goes through all of them.
    first = gc.get_threshold()[0] != _YOUNG_OBJECTS
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    # What is loaded stays: to look through it is a twentieth of a run's start.
    gc.disable()
    sys.setswitchinterval(_TURN_SECONDS)
    # Where it finds its own program, httpx loads it, and with it a library for terminals: a fifteenth of a run's start.
    sys.modules.setdefault(_HTTPX_PROGRAM, None)  # type: ignore[arg-type]  # "there is none", by the import system
    try:
        yield
    finally:
        gc.enable()
    if sys.modules[_HTTPX_PROGRAM] is None:
        del sys.modules[_HTTPX_PROGRAM]
    if first:
        # Once only: later there may be garbage of an earlier mapping, which would be kept for good.
        gc.freeze()


_CHOOSE_AGAIN_SECONDS = 5.0


@contextmanager
def one_processor() -> Iterator[frozenset[int]]:
    """Keep every thread of this process on one processor, those too that are made later; elsewhere than on Linux, not.

    Afterwards each may go again wherever this thread could: on those that are yielded, for processes that it starts.
    """
    if sys.platform != "linux":
        yield frozenset()
        return
    allowed, done = os.sched_getaffinity(0), threading.Event()
    keeper = threading.Thread(target=_keep, args=(done,), name="processor", daemon=True)
    keeper.start()
    try:
        yield frozenset(allowed)
    finally:
        done.set()
        keeper.join()
        with suppress(OSError):
            _allow(allowed)


def _keep(done: threading.Event) -> None:
    # This thread alone may run on any processor: the one on which the kernel wakes it up has room.
    with suppress(OSError):  # a system without /proc: then nothing is gained
        while True:
            _allow({_processor_now()}, but=threading.get_native_id())
            if done.wait(_CHOOSE_AGAIN_SECONDS):
                return


def _processor_now() -> int:
    """The processor that this thread runs on: field 39 of proc_pid_stat(5), the 37th after the name."""
    return int(Path("/proc/thread-self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[36])


def _allow(processors: Iterable[int], *, but: int = 0) -> None:
    for task in Path("/proc/self/task").iterdir():
        # A thread may be gone by now, and a container may forbid it.
        with suppress(OSError):
            if int(task.name) != but:
                os.sched_setaffinity(int(task.name), processors)
