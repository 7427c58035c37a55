"""A pool of worker processes on this machine.

The rule: no worker outlives this process, however it ends, and none keeps it from ending. Workers end by themselves
when this process dies; they ignore Ctrl-C on a terminal, because this process decides about it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from typing import Any

from etl.errors import StoppedEarly

# Seconds for workers to end: an idle one ends at once, one that reads may be within a statement.
PATIENCE_SECONDS = 2.0
# The largest pipe that Linux gives a program without privileges.
_PIPE_BYTES = 1024 * 1024
_TERMINAL_SIGNALS = (signal.SIGINT, signal.SIGHUP)


class WorkerPool:
    """`count` processes, each of which calls `begin(argument)` first.

    `begin` must not raise: the pool would break without a message.
    """

    def __init__(self, count: int, begin: Callable[[Any], None], argument: Callable[[], Any]) -> None:
        self._count = count
        self._begin = begin
        self._argument = argument
        self._context = _Context()
        self._executor: Executor | None = None
        self._closed = False

    def open(self) -> Executor:
        """A new executor, with new processes. Raises `StoppedEarly` after `close`."""
        self._end(patience_seconds=0.0)
        if self._closed:
            raise StoppedEarly("the workers are gone")
        self._executor = _Processes(
            self._count, mp_context=self._context, initializer=self._begin, initargs=(self._argument(),)
        )
        return self._executor

    def close(self) -> None:
        """End the processes; those that do not end within a moment by SIGKILL, which works on a stopped process too."""
        self._closed = True
        self._end(patience_seconds=PATIENCE_SECONDS)

    def _end(self, *, patience_seconds: float) -> None:
        executor, self._executor = self._executor, None
        if executor is None:
            return
        executor.shutdown(wait=False, cancel_futures=True)
        left = {process.sentinel: process for process in self._context.started if process.pid is not None}
        self._context.started.clear()
        end = threading.Event()
        timer = threading.Timer(patience_seconds, end.set)
        timer.start()
        while left and not end.is_set():
            for sentinel in connection.wait(list(left), timeout=0.05):
                del left[sentinel]  # type: ignore[arg-type]  # they are the keys
        timer.cancel()
        for process in left.values():
            process.kill()
        executor.shutdown(wait=True)


class _Processes(ProcessPoolExecutor):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:  # noqa: ANN401
        """As the library's, which says "handle is closed" where a process dies while the others are being started."""
        try:
            return super().submit(fn, *args, **options)
        except OSError as error:
            if error.errno is not None:
                raise
            raise BrokenProcessPool("a worker process died while others were started") from error


class _Process(SpawnProcess):
    """A process that a terminal's signals do not end before it can ignore them."""

    def start(self) -> None:
        # Signals blocked here are blocked in the new process from its first instruction on.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINAL_SIGNALS)
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(SpawnContext):
    """Starts processes by `spawn`, and remembers them, because a pool does not say which they are."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[SpawnProcess] = []

    def SimpleQueue(self) -> Any:  # noqa: ANN401, N802  # multiprocessing's
        """A queue for results with a pipe large enough for a page, if the kernel allows it.

        With the usual 64 KiB a worker would wait, and this process be woken, for each piece.
        """
        queue = super().SimpleQueue()
        if sys.platform == "linux":
            with suppress(OSError):
                fcntl.fcntl(queue._writer, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # type: ignore[attr-defined]  # noqa: SLF001
        return queue

    def Process(self, *args: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: ANN401, N802
        """A process, not started yet."""
        process = _Process(*args, **options)
        self.started.append(process)
        return process


def live_as_worker(processors: Iterable[int]) -> None:
    """Make this process one that works for another: see the module. `processors`: those that it may use; (): any."""
    for number in _TERMINAL_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TERMINAL_SIGNALS)
    threading.Thread(target=_end_with_the_parent, name="parent", daemon=True).start()
    if sys.platform == "linux" and processors:
        # The parent's threads are kept on one processor, which a child process inherits.
        with suppress(OSError):
            os.sched_setaffinity(0, processors)


def at_exit_of_worker(close: Callable[[], None]) -> None:
    """Have `close` called when this process ends by itself."""
    Finalize(None, close, exitpriority=1)


def _end_with_the_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        # It can be stopped while at work: its result is not needed, and it only reads.
        os._exit(0)
