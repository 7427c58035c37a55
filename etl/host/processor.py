"""All threads of a run on one processor.

The rule: the kernel chooses which one, and again every few seconds, so that a run leaves where it is crowded.

Python's threads compute one at a time. Spread over processors, each takes up its turn on one that has gone to sleep
and does not hold its data: 500,000 rows in batches of 100 cost 130,000 changes of thread, a quarter of the time; on
one processor, 20,000.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_CHOOSE_AGAIN_SECONDS = 5.0


@contextmanager
def one_processor() -> Iterator[None]:
    """Keep every thread of this process on one processor, those too that are made later; elsewhere than on Linux, not.

    Afterwards each may go again wherever this thread could.
    """
    if sys.platform != "linux":
        yield
        return
    allowed, done = os.sched_getaffinity(0), threading.Event()
    keeper = threading.Thread(target=_keep, args=(done,), name="processor", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()
        with suppress(OSError):
            _allow(allowed)


def _keep(done: threading.Event) -> None:
    # This thread alone is bound to none: where the kernel lets it wake up, there is room.
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
