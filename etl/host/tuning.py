"""Settings for runs of millions of rows: rare garbage collection, short thread switches, one processor for all threads.

The rule: each setting is measured, and its figure stands beside it; the garbage collector is made rarer, not switched
off.

Python's threads compute one at a time. Spread over processors, each continues on one that is asleep and has cold
caches: 500,000 rows in batches of 100 cost 130,000 thread switches, a quarter of the time; on one processor, 20,000.
The kernel chooses the processor, and again every few seconds, so that a run leaves a crowded one.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A page of 5,000 rows makes about 20,000 objects that the collector tracks. A collection every 700 objects took a
# quarter of a run's time.
_YOUNG_OBJECTS = 100_000
# Seconds. The thread with an answer waits so long for the interpreter while a page is prepared, several times over;
# Python's default of 5 ms cost a twentieth of the rate with an API that takes 50 ms.
_TURN_SECONDS = 0.0005
_HTTPX_PROGRAM = "httpx._main"


@contextmanager
def eased_interpreter() -> Iterator[None]:
    """Collect garbage more rarely and switch threads faster from now on; freeze what is loaded within (`gc.freeze`).

    If httpx is loaded within it, then without its command line.

    For a process that works through tables: its imports make many objects too. A second call changes nothing.
    """
    # Not by `gc.get_freeze_count`, which counts all objects.
    first = gc.get_threshold()[0] != _YOUNG_OBJECTS
    gc.set_threshold(_YOUNG_OBJECTS, 10, 10)
    # Modules stay loaded; collecting through them takes a twentieth of a run's start.
    gc.disable()
    sys.setswitchinterval(_TURN_SECONDS)
    # httpx imports its own command line if it can, with a library for terminals: a fifteenth of a run's start.
    sys.modules.setdefault(_HTTPX_PROGRAM, None)  # type: ignore[arg-type]  # "there is none", by the import system
    try:
        yield
    finally:
        gc.enable()
    if sys.modules[_HTTPX_PROGRAM] is None:
        del sys.modules[_HTTPX_PROGRAM]
    if first:
        # Only once: later, garbage of an earlier mapping would be frozen too, and never freed.
        gc.freeze()


_CHOOSE_AGAIN_SECONDS = 5.0


@contextmanager
def one_processor() -> Iterator[frozenset[int]]:
    """Keep all threads of this process, also later ones, on one processor; does nothing except on Linux.

    Afterwards threads may use the former processors again. Yields these, for processes that are started meanwhile.
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
    # Only this thread may run anywhere, so the processor on which the kernel wakes it up has room.
    with suppress(OSError):  # a system without /proc: then nothing is changed
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
